import fs from "node:fs/promises";
import { z } from "zod";
import { UserError } from "../../protocol/errors.ts";
import { elementCount, type Shape } from "../graph/types.ts";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16 } from "./bfloat16.ts";

/** The safetensors format: an 8-byte length, a JSON header with types, shapes and byte ranges, then the data. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number; // byte offset in the file
  readonly end: number;
}

interface Header {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const bytesPerElement: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2 };
const maxHeaderBytes = 100_000_000; // the limit of the reference implementation
const bufferHalves = 2 ** 22;
const maxReadBytes = 2 ** 30; // one read of over 2 GiB is refused by the system

/** An open file; tensors are read one at a time, so that a shard larger than memory can be opened. */
export class SafetensorsFile {
  readonly #file: fs.FileHandle;
  readonly #entries: ReadonlyMap<string, TensorEntry>;
  #halves: Uint16Array<ArrayBuffer> | null = null;

  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(file: fs.FileHandle, path: string, header: Header) {
    this.#file = file;
    this.path = path;
    this.#entries = header.entries;
    this.metadata = header.metadata;
  }

  static async open(path: string): Promise<SafetensorsFile> {
    const file = await fs.open(path, "r").catch((cause: unknown) => {
      throw broken(path, "cannot be opened", cause);
    });
    try {
      return new SafetensorsFile(file, path, await readHeader(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  shapeOf(name: string): Shape | undefined {
    return this.#entries.get(name)?.shape;
  }

  /** As float32, whatever the file holds. Halves go through one small buffer: no second copy of a tensor is made. */
  async read(name: string): Promise<Float32Array> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`internal: no tensor ${name} in ${this.path}`);
    const values = new Float32Array(elementCount(entry.shape));
    if (entry.dtype === "F32") {
      await this.#fill(new Uint8Array(values.buffer), entry.start, name);
      return values;
    }
    const convert = entry.dtype === "BF16" ? bfloat16ToFloat32 : float16ToFloat32;
    this.#halves ??= new Uint16Array(bufferHalves);
    for (let done = 0; done < values.length; done += bufferHalves) {
      const halves = this.#halves.subarray(0, Math.min(bufferHalves, values.length - done));
      await this.#fill(new Uint8Array(halves.buffer, 0, halves.byteLength), entry.start + 2 * done, name);
      convert(halves, values.subarray(done, done + halves.length));
    }
    return values;
  }

  async #fill(bytes: Uint8Array, start: number, name: string): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(bytes.length - done, maxReadBytes);
      const { bytesRead } = await this.#file.read(bytes, done, length, start + done);
      if (bytesRead === 0) throw broken(this.path, `ends within ${name}`);
      done += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Writes a whole file; tensors stand in the order given. */
export async function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  dtype: "float32" | "bfloat16",
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const width = dtype === "float32" ? 4 : 2;
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + elementCount(shape) * width;
    header[name] = { dtype: dtype === "float32" ? "F32" : "BF16", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Data starts at a multiple of 8, as the reference implementation pads it.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = await fs.open(path, "w");
  try {
    await file.writeFile(Buffer.concat([length, padded]));
    for (const { data } of tensors) {
      const stored = dtype === "float32" ? data : float32ToBfloat16(data);
      await file.writeFile(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readHeader(file: fs.FileHandle, path: string): Promise<Header> {
  const { size } = await file.stat();
  const prefix = Buffer.alloc(8);
  if (size < 8) throw broken(path, `has ${size} bytes, too few for a header`);
  await file.read(prefix, 0, 8, 0);
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > maxHeaderBytes || headerBytes + 8 > size) throw broken(path, "has no readable header");
  const json = Buffer.alloc(headerBytes);
  await file.read(json, 0, headerBytes, 8);
  const entries = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, raw] of Object.entries(parseHeader(json.toString("utf8"), path))) {
    if (name === "__metadata__") {
      metadata = z.record(z.string(), z.string()).catch({}).parse(raw);
      continue;
    }
    const parsed = entrySchema.safeParse(raw);
    if (!parsed.success) throw broken(path, `has an unreadable entry for ${name}`);
    const {
      dtype,
      shape,
      data_offsets: [from, to],
    } = parsed.data;
    const width = bytesPerElement[dtype];
    if (width === undefined) throw broken(path, `holds ${name} as ${dtype}; expected F32, F16 or BF16`);
    const entry = { dtype, shape, start: 8 + headerBytes + from, end: 8 + headerBytes + to };
    if (to - from !== elementCount(shape) * width || entry.end > size) throw broken(path, `is cut short at ${name}`);
    entries.set(name, entry);
  }
  return { entries, metadata };
}

function parseHeader(text: string, path: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw broken(path, "has no readable header", cause);
  }
}

function broken(path: string, what: string, cause?: unknown): UserError {
  return new UserError(
    { code: "bad-checkpoint", where: path, message: `the weights file ${what}.`, hint: "Copy the checkpoint again." },
    { cause },
  );
}
