import fs from "node:fs/promises";

/** Of the matrices of ITU-T H.273, those that have a name in WebCodecs, and "unspecified": RGB, 709, 470BG, 170M, 2020 nc. */
const namedMatrices = new Set([0, 1, 2, 5, 6, 9]);
/** Headers are far smaller; what is larger is no header. */
const mostHeaderBytes = 64 * 2 ** 20;

/**
 * Whether a file may say in its header that its colours have a matrix which WebCodecs has no name for (smpte240m, fcc, bt2020c):
 * mediabunny then tells of none. It looks for the bytes of such an entry, so it may say yes without need.
 */
export async function mayHaveUnnamedMatrix(file: string): Promise<boolean> {
  const handle = await fs.open(file, "r");
  try {
    const header = await readHeader(handle);
    return header === null || isUnnamedInMp4(header) || isUnnamedInMatroska(header);
  } finally {
    await handle.close();
  }
}

/** The "moov" box of an MP4; the first megabytes of anything else. Null for one that is too large. */
async function readHeader(handle: fs.FileHandle): Promise<Buffer | null> {
  const { size } = await handle.stat();
  const read = async (start: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  };
  for (let at = 0; at + 16 <= size;) {
    const box = await read(at, 16);
    const type = box.toString("latin1", 4, 8);
    const length = box.readUInt32BE(0) === 1 ? Number(box.readBigUInt64BE(8)) : box.readUInt32BE(0);
    if (type === "moov") return length > mostHeaderBytes ? null : await read(at, length);
    if (!/^[a-z ]{4}$/.test(type) || length < 8) break;
    at += length;
  }
  return await read(0, Math.min(size, 4 * 2 ** 20));
}

/** "colr", "nclx" or "nclc", primaries, transfer, matrix. */
function isUnnamedInMp4(header: Buffer): boolean {
  for (let at = header.indexOf("colr"); at >= 0; at = header.indexOf("colr", at + 4)) {
    const kind = header.toString("latin1", at + 4, at + 8);
    if ((kind === "nclx" || kind === "nclc") && at + 14 <= header.length)
      if (!namedMatrices.has(header.readUInt16BE(at + 12))) return true;
  }
  return false;
}

/** The element MatrixCoefficients (55 B1) of one byte. */
function isUnnamedInMatroska(header: Buffer): boolean {
  if (header.readUInt32BE(0) !== 0x1a45dfa3) return false;
  const element = Buffer.from([0x55, 0xb1, 0x81]);
  for (let at = header.indexOf(element); at >= 0; at = header.indexOf(element, at + 3)) {
    const matrix = header[at + 3];
    if (matrix !== undefined && !namedMatrices.has(matrix)) return true;
  }
  return false;
}
