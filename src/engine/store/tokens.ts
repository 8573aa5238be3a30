import { recordVersion } from "../../protocol/records.ts";
import { badRecord } from "./versionedRecords.ts";

/** Tokens of one completion, for looking at them and for re-scoring; read only when asked for. */
export interface CompletionTokens {
  readonly id: string; // "<step>/<group>/<k>"
  readonly tokens_T: Int32Array;
  readonly logprobs_T: Float32Array; // natural logarithm
  readonly entropies_T: Float32Array; // nats
  /** Under the reference policy; null without one. */
  readonly refLogprobs_T: Float32Array | null;
  /** The N most likely tokens at each place, the likeliest first; null when the run does not keep them. */
  readonly alternatives: TokenAlternatives | null;
}

export interface TokenAlternatives {
  readonly count: number; // N
  readonly tokens_TN: Int32Array;
  readonly logprobs_TN: Float32Array;
}

interface TokensHeader {
  readonly version: number;
  readonly step: number;
  readonly completions: readonly {
    readonly id: string;
    readonly tokenCount: number;
    readonly hasReference?: boolean | undefined;
    readonly alternatives?: number | undefined;
  }[];
}

/**
 * tokens/step-000001.bin, little-endian:
 *
 *     8 bytes   "VRFTTOKS"
 *     4 bytes   uint32, length of the header in bytes, a multiple of 4
 *     header    JSON in UTF-8, padded with spaces: { version, step, completions: [{ id, tokenCount, hasReference, alternatives }] }
 *     then for each completion, in the header's order, arrays of tokenCount numbers each:
 *               int32 token ids, float32 log-probabilities, float32 entropies,
 *               float32 log-probabilities of the reference policy when it has them,
 *               int32 ids and float32 log-probabilities of its alternatives, tokenCount * alternatives numbers each
 */
export function encodeTokens(step: number, completions: readonly CompletionTokens[]): Uint8Array {
  const header = encodeHeader({
    version: recordVersion,
    step,
    completions: completions.map(({ id, tokens_T, refLogprobs_T, alternatives }) => ({
      id,
      tokenCount: tokens_T.length,
      ...(refLogprobs_T === null ? {} : { hasReference: true }),
      ...(alternatives === null ? {} : { alternatives: alternatives.count }),
    })),
  });
  const arrays = completions.flatMap(arraysOf);
  const bytes = new Uint8Array(magic.length + 4 + header.length + 4 * arrays.reduce((sum, a) => sum + a.length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(magic.length, header.length, true);
  bytes.set(header, magic.length + 4);
  let at = magic.length + 4 + header.length;
  for (const array of arrays) {
    const isInt = array instanceof Int32Array;
    for (const value of array) {
      if (isInt) view.setInt32(at, value, true);
      else view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

function arraysOf(tokens: CompletionTokens): (Int32Array | Float32Array)[] {
  const { tokens_T, logprobs_T, entropies_T, refLogprobs_T, alternatives } = tokens;
  const perToken = [logprobs_T, entropies_T, ...(refLogprobs_T === null ? [] : [refLogprobs_T])];
  if (perToken.some(({ length }) => length !== tokens_T.length)) {
    throw new Error("internal: token arrays of different lengths");
  }
  const top = alternatives === null ? [] : [alternatives.tokens_TN, alternatives.logprobs_TN];
  return [tokens_T, ...perToken, ...top];
}

/** @throws UserError bad-record when the bytes are not such a file. */
export function decodeTokens(bytes: Uint8Array, where: string): readonly CompletionTokens[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs = bytes.length >= magic.length + 4 && magic.every((byte, i) => bytes[i] === byte);
  if (!isOurs) throw badRecord(where, 'expected a token file that starts with "VRFTTOKS", found something else');
  const headerBytes = view.getUint32(magic.length, true);
  let at = magic.length + 4 + headerBytes;
  const header = at <= bytes.length ? decodeHeader(bytes.subarray(magic.length + 4, at), where) : null;
  const numbers = header?.completions.reduce((sum, completion) => sum + numbersOf(completion), 0) ?? 0;
  if (header === null || at + 4 * numbers !== bytes.length) {
    throw badRecord(where, `this token file is cut or damaged (${bytes.length} bytes)`);
  }
  const ints = (length: number): Int32Array => Int32Array.from({ length }, () => view.getInt32((at += 4) - 4, true));
  const floats = (length: number): Float32Array =>
    Float32Array.from({ length }, () => view.getFloat32((at += 4) - 4, true));
  return header.completions.map(({ id, tokenCount: length, hasReference, alternatives: count }) => ({
    id,
    tokens_T: ints(length),
    logprobs_T: floats(length),
    entropies_T: floats(length),
    refLogprobs_T: hasReference === true ? floats(length) : null,
    alternatives:
      count === undefined ? null : { count, tokens_TN: ints(count * length), logprobs_TN: floats(count * length) },
  }));
}

function numbersOf({ tokenCount, hasReference, alternatives = 0 }: TokensHeader["completions"][number]): number {
  return tokenCount * (3 + (hasReference === true ? 1 : 0) + 2 * alternatives);
}

const magic = new TextEncoder().encode("VRFTTOKS");

function encodeHeader(header: TokensHeader): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  padded.set(text);
  return padded;
}

function decodeHeader(bytes: Uint8Array, where: string): TokensHeader {
  try {
    // SAFETY: written by encodeHeader; the version is checked below and the sizes by the caller.
    const header = JSON.parse(new TextDecoder().decode(bytes)) as TokensHeader;
    // Later versions added arrays, which the header tells of.
    if (header.version <= recordVersion && Array.isArray(header.completions)) return header;
  } catch {
    // Falls through: the message below says what is wrong.
  }
  throw badRecord(where, `the header of this token file is damaged, or of a version above ${recordVersion}`);
}
