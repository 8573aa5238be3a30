import { deflateSync } from "node:zlib";
import type { BoundingBox } from "../../src/protocol/tasks.ts";

/** A frame with a red square on a grey gradient, as PNG bytes. */
export function framePng(widthPx: number, heightPx: number, square: BoundingBox): Buffer {
  const rows = Buffer.alloc(heightPx * (1 + 3 * widthPx));
  for (let y = 0; y < heightPx; y += 1) {
    for (let x = 0; x < widthPx; x += 1) {
      const u = (x + 0.5) / widthPx;
      const v = (y + 0.5) / heightPx;
      const isInside = u >= square.x0 && u < square.x1 && v >= square.y0 && v < square.y1;
      const grey = 60 + Math.round(90 * u + 40 * v);
      const offset = y * (1 + 3 * widthPx) + 1 + 3 * x;
      rows.set(isInside ? [200, 40, 40] : [grey, grey, grey + 15], offset);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
