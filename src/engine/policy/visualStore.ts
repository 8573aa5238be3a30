import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import zlib from "node:zlib";
import { touch, visualFolder } from "../video/frameStore.ts";

/** Visual embeddings on disk, for a vision tower that does not change: the second epoch, and the next run, do no vision work. */
export interface VisualStore {
  /** null when there is none, or a torn one. */
  read(key: string, length: number): Promise<Float32Array | null>;
  write(key: string, visual: Float32Array): Promise<void>;
}

/**
 * One file an embedding under `<cacheDir>/visual`, beside the frames and evicted with them: 4 bytes of CRC-32, then
 * float32 in the byte order of the machine.
 * @param tower what decides the embeddings beside the frames: weights, and what computes them
 */
export function createVisualStore(cacheDir: string, tower: string): VisualStore {
  const fileOf = (key: string): string => {
    const name = createHash("sha256").update(`${tower}\n${key}`).digest("hex");
    return path.join(visualFolder(cacheDir), `${name}.f32`);
  };
  return {
    async read(key, length) {
      const file = fileOf(key);
      const bytes = await fs.readFile(file).catch(() => null);
      if (bytes?.length !== 4 + 4 * length) return null;
      const data = Uint8Array.prototype.slice.call(bytes, 4);
      if (zlib.crc32(data) !== bytes.readUInt32LE(0)) return null;
      await touch(file);
      return new Float32Array(data.buffer);
    },
    async write(key, visual) {
      const file = fileOf(key);
      const data = new Uint8Array(visual.buffer, visual.byteOffset, visual.byteLength);
      const crc = Buffer.alloc(4);
      crc.writeUInt32LE(zlib.crc32(data));
      const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
      try {
        await fs.mkdir(path.dirname(file), { recursive: true });
        await fs.writeFile(temporary, Buffer.concat([crc, data]));
        await fs.rename(temporary, file);
      } catch {
        // A cache: the embedding is computed again where it cannot be kept.
        await fs.rm(temporary, { force: true }).catch(() => {});
      }
    },
  };
}
