import fs from "node:fs";

/** A line of a text file. */
export interface TextLine {
  /** 0-based, blank lines counted. */
  readonly number: number;
  /** Without its end; null when its bytes are no UTF-8, or too many. */
  readonly text: string | null;
}

/** A longer line is no row of anything; without this a file without line ends would be held as a whole. */
const longestLineBytes = 64e6;

/**
 * Lines of a UTF-8 file as they are read, so that the file may be larger than memory. Lines end at LF or CR LF and nowhere
 * else: JSON strings may hold U+2028. A byte order mark is left out, and so is an empty last line.
 */
export async function* readLines(file: string, mostBytes = longestLineBytes): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true }); // drops a byte order mark
  const plain = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (number: number, bytes: Uint8Array): TextLine => {
    const end = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length;
    try {
      return { number, text: (number === 0 ? decoder : plain).decode(bytes.subarray(0, end)) };
    } catch {
      return { number, text: null };
    }
  };
  let number = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let isTooLong = false;
  const keep = (bytes: Buffer): void => {
    pendingBytes += bytes.length;
    isTooLong ||= pendingBytes > mostBytes;
    if (isTooLong) pending = [];
    else if (bytes.length > 0) pending.push(bytes);
  };
  const take = (): TextLine => {
    const line = isTooLong ? { number, text: null } : decode(number, Buffer.concat(pending));
    number++;
    pending = [];
    pendingBytes = 0;
    isTooLong = false;
    return line;
  };
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 18 })) {
    // SAFETY: no encoding is set on this stream, so its chunks are buffers.
    const bytes = chunk as Buffer;
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      keep(bytes.subarray(start, end));
      yield take();
      start = end + 1;
    }
    // The stream reuses nothing of a chunk, so its rest may be kept as it is.
    keep(bytes.subarray(start));
  }
  if (pendingBytes > 0) yield take();
}
