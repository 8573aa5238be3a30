import type { CompletionRecord, RolloutLine } from "./records.ts";
import { isFailedGroup } from "./records.ts";
import type { TaskId } from "./tasks.ts";

/**
 * The columns of a run's rollouts: what lists, filters and plots need of 200,000 of them without reading one. A block a
 * step, one after the other in `rollouts.index`:
 *
 *     4 bytes   "VRIX"
 *     4 bytes   uint32, length of the header, a multiple of 4
 *     header    JSON in ASCII (everything else escaped), padded with spaces: BlockHeader
 *     columns   float32, little-endian, `count` numbers each, in the order of `columns`; NaN where there is no value
 *
 * Everything in it can be made again from `rollouts/*.jsonl`.
 */
export interface BlockHeader {
  readonly version: 1;
  readonly step: number;
  /** Bytes of the step's file when the block was made; another size means that the block is out of date. */
  readonly fileBytes: number;
  /** Completions of the step. */
  readonly count: number;
  readonly groups: readonly IndexedGroup[];
  /** "reward", "advantage", "tokens", "entropy", "kl", "flags", then "reward/<name>" for each part. */
  readonly columns: readonly string[];
}

export interface IndexedGroup {
  readonly group: number;
  readonly size: number; // completions; 0 for a group that failed
  /** Place of its line in the step's file. */
  readonly offset: number;
  readonly bytes: number;
  readonly dataset: string;
  readonly example: string;
  readonly task: TaskId;
}

export const fixedColumns = ["reward", "advantage", "tokens", "entropy", "kl", "flags"] as const;

/** Bits of the column `flags`. */
export const rolloutFlags = { truncated: 1, unparsed: 2, rewardError: 4, dropped: 8 } as const;

export interface IndexBlock {
  readonly header: BlockHeader;
  /** By name; views on the bytes of the block. */
  readonly columns: ReadonlyMap<string, Float32Array>;
  /** Where the block lies in the bytes. */
  readonly start: number;
  readonly end: number;
}

/** Makes the block of a step from its lines, which lie one after the other in its file. */
export function encodeIndexBlock(
  step: number,
  lines: readonly { readonly line: RolloutLine; readonly offset: number; readonly bytes: number }[],
  fileBytes: number,
): Uint8Array {
  const completions = lines.flatMap(({ line }) => (isFailedGroup(line) ? [] : line.completions));
  const parts = [...new Set(completions.flatMap(({ rewards }) => rewards.map(({ name }) => name)))].sort();
  const columns = [...fixedColumns, ...parts.map((name) => `reward/${name}`)];
  const groups = lines.map(({ line, offset, bytes }) => indexedGroup(line, offset, bytes));
  const header = encodeHeader({ version: 1, step, fileBytes, count: completions.length, groups, columns });
  const block = new Uint8Array(8 + header.length + 4 * columns.length * completions.length);
  const view = new DataView(block.buffer);
  block.set(magic);
  view.setUint32(4, header.length, true);
  block.set(header, 8);
  columns.forEach((name, c) => {
    const start = 8 + header.length + 4 * c * completions.length;
    completions.forEach((completion, i) => view.setFloat32(start + 4 * i, valueOf(name, completion), true));
  });
  return block;
}

/**
 * Reads the blocks that lie whole in the bytes, in the order in which they were written; what is torn or foreign ends the
 * reading.
 */
export function decodeIndex(bytes: Uint8Array): readonly IndexBlock[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: IndexBlock[] = [];
  let at = 0;
  while (at + 8 <= bytes.length && magic.every((byte, i) => bytes[at + i] === byte)) {
    const headerBytes = view.getUint32(at + 4, true);
    const start = at + 8 + headerBytes;
    if (start > bytes.length) break;
    const header = decodeHeader(decoder.decode(bytes.subarray(at + 8, start)));
    if (header === null) break;
    const end = start + 4 * header.columns.length * header.count;
    if (end > bytes.length) break;
    blocks.push(new DecodedBlock(header, bytes, at, start));
    at = end;
  }
  return blocks;
}

/** Whoever asks for the headers alone does not wait for thousands of columns. */
class DecodedBlock implements IndexBlock {
  readonly header: BlockHeader;
  readonly start: number;
  private readonly bytes: Uint8Array;
  private readonly columnsStart: number;
  private known: ReadonlyMap<string, Float32Array> | null = null;

  constructor(header: BlockHeader, bytes: Uint8Array, start: number, columnsStart: number) {
    this.header = header;
    this.bytes = bytes;
    this.start = start;
    this.columnsStart = columnsStart;
  }

  get columns(): ReadonlyMap<string, Float32Array> {
    const { columns, count } = this.header;
    this.known ??= new Map(columns.map((name, c) => [name, floats(this.bytes, this.firstOf(c), count)]));
    return this.known;
  }

  get end(): number {
    return this.columnsStart + 4 * this.header.columns.length * this.header.count;
  }

  private firstOf(column: number): number {
    return this.bytes.byteOffset + this.columnsStart + 4 * column * this.header.count;
  }
}

const magic = asciiBytes("VRIX");

function indexedGroup(line: RolloutLine, offset: number, bytes: number): IndexedGroup {
  const { group, datasetId: dataset, exampleId: example, task } = line;
  return { group, size: isFailedGroup(line) ? 0 : line.completions.length, offset, bytes, dataset, example, task };
}

function valueOf(column: string, completion: CompletionRecord): number {
  const { reward, advantage, tokenCount, meanEntropy, meanKl, rewards } = completion;
  switch (column) {
    case "reward":
      return reward ?? NaN;
    case "advantage":
      return advantage;
    case "tokens":
      return tokenCount ?? NaN;
    case "entropy":
      return meanEntropy ?? NaN;
    case "kl":
      return meanKl ?? NaN;
    case "flags":
      return flagsOf(completion);
    default:
      return rewards.find(({ name }) => `reward/${name}` === column)?.value ?? NaN;
  }
}

function flagsOf({ finishReason, parsed, rewards, reward }: CompletionRecord): number {
  return (
    (finishReason === "length" ? rolloutFlags.truncated : 0) |
    (parsed.failures.length > 0 ? rolloutFlags.unparsed : 0) |
    (rewards.some(({ error }) => error !== undefined) ? rolloutFlags.rewardError : 0) |
    (reward === null ? rolloutFlags.dropped : 0)
  );
}

/** A view where the place allows one; headers are padded, so that it does unless the block itself lies askew. */
function floats(bytes: Uint8Array, start: number, count: number): Float32Array {
  if (start % 4 === 0) return new Float32Array(bytes.buffer, start, count);
  return new Float32Array(bytes.buffer.slice(start, start + 4 * count));
}

function encodeHeader(header: BlockHeader): Uint8Array {
  const text = JSON.stringify(header).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return asciiBytes(text.padEnd(Math.ceil(text.length / 4) * 4));
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Node and pages both have it; the environment that this folder is checked in knows neither. */
// eslint-disable-next-line @typescript-eslint/naming-convention -- the name is the platform's
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
const decoder = new TextDecoder();

function decodeHeader(text: string): BlockHeader | null {
  try {
    // SAFETY: written by encodeHeader; the version and what the sizes rest on are checked below.
    const header = JSON.parse(text) as BlockHeader;
    const isWhole = header.version === 1 && Array.isArray(header.columns) && Number.isInteger(header.count);
    return isWhole ? header : null;
  } catch {
    return null;
  }
}
