import { recordVersion } from "../../protocol/records.ts";
import { badRecord } from "./versionedRecords.ts";

/** Tokens of one completion, for looking at them and for re-scoring; read only when asked for. */
export interface CompletionTokens {
  readonly id: string; // "<step>/<group>/<k>"
  readonly tokens_T: Int32Array;
  readonly logprobs_T: Float32Array; // natural logarithm
  readonly entropies_T: Float32Array; // nats
}

interface TokensHeader {
  readonly version: number;
  readonly step: number;
  readonly completions: readonly { readonly id: string; readonly tokenCount: number }[];
}

/**
 * tokens/step-000001.bin, little-endian:
 *
 *     8 bytes   "VRFTTOKS"
 *     4 bytes   uint32, length of the header in bytes, a multiple of 4
 *     header    JSON in UTF-8, padded with spaces: { version, step, completions: [{ id, tokenCount }] }
 *     then for each completion, in the header's order, three arrays of tokenCount numbers each:
 *               int32 token ids, float32 log-probabilities, float32 entropies
 */
export function encodeTokens(step: number, completions: readonly CompletionTokens[]): Uint8Array {
  const header = encodeHeader({
    version: recordVersion,
    step,
    completions: completions.map((c) => ({ id: c.id, tokenCount: c.tokens_T.length })),
  });
  const dataBytes = completions.reduce((sum, c) => sum + bytesPerToken * c.tokens_T.length, 0);
  const bytes = new Uint8Array(magic.length + 4 + header.length + dataBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(magic.length, header.length, true);
  bytes.set(header, magic.length + 4);
  let at = magic.length + 4 + header.length;
  for (const { tokens_T, logprobs_T, entropies_T } of completions) {
    tokens_T.forEach((token, t) => view.setInt32(at + 4 * t, token, true));
    at += 4 * tokens_T.length;
    for (const values_T of [logprobs_T, entropies_T]) {
      if (values_T.length !== tokens_T.length) throw new Error("internal: token arrays of different lengths");
      values_T.forEach((value, t) => view.setFloat32(at + 4 * t, value, true));
      at += 4 * tokens_T.length;
    }
  }
  return bytes;
}

/** @throws UserError bad-record when the bytes are not such a file. */
export function decodeTokens(bytes: Uint8Array, where: string): readonly CompletionTokens[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs = bytes.length >= magic.length + 4 && magic.every((byte, i) => bytes[i] === byte);
  if (!isOurs) throw badRecord(where, 'expected a token file that starts with "VRFTTOKS", found something else');
  const headerBytes = view.getUint32(magic.length, true);
  let at = magic.length + 4 + headerBytes;
  const header = at <= bytes.length ? decodeHeader(bytes.subarray(magic.length + 4, at), where) : null;
  const tokenCount = header?.completions.reduce((sum, c) => sum + c.tokenCount, 0) ?? 0;
  if (header === null || at + bytesPerToken * tokenCount !== bytes.length) {
    throw badRecord(where, `this token file is cut or damaged (${bytes.length} bytes)`);
  }
  return header.completions.map(({ id, tokenCount: length }) => {
    const tokens_T = Int32Array.from({ length }, (_, t) => view.getInt32(at + 4 * t, true));
    const logprobs_T = Float32Array.from({ length }, (_, t) => view.getFloat32(at + 4 * (length + t), true));
    const entropies_T = Float32Array.from({ length }, (_, t) => view.getFloat32(at + 4 * (2 * length + t), true));
    at += bytesPerToken * length;
    return { id, tokens_T, logprobs_T, entropies_T };
  });
}

const magic = new TextEncoder().encode("VRFTTOKS");
const bytesPerToken = 12;

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
    // The layout has been the same in every version.
    if (header.version <= recordVersion && Array.isArray(header.completions)) return header;
  } catch {
    // Falls through: the message below says what is wrong.
  }
  throw badRecord(where, `the header of this token file is damaged, or of a version above ${recordVersion}`);
}
