import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../../protocol/errors.ts";
import { readLines, type TextLine } from "./textLines.ts";

/** A row of a Parquet file. */
export interface TableRow {
  /** 0-based. */
  readonly number: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * The files that a dataset is read from. What was read is what the dataset's hash is of. Every method throws UserError
 * bad-data for a file that cannot be read as a whole.
 */
export class AnnotationFiles {
  /** Absolute path of the annotation file, or of the folder of them. */
  readonly path: string;
  readonly #used = new Set<string>();

  constructor(file: string) {
    this.path = file;
  }

  isFolder(): boolean {
    return fs.statSync(this.path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  }

  /** Names in the folder, sorted; the folder itself when none is given. */
  list(folder = this.path): string[] {
    try {
      return fs.readdirSync(folder).sort();
    } catch (cause) {
      throw unreadable(folder, cause);
    }
  }

  /** All of a text file; null when there is none. For files of a few lines. */
  textIfThere(file: string): string | null {
    if (!fs.existsSync(file)) return null;
    this.#used.add(file);
    try {
      return fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
    } catch (cause) {
      throw unreadable(file, cause);
    }
  }

  /** One JSON document. It is held as a whole: large data belongs into JSON lines. */
  async json(file = this.path): Promise<unknown> {
    this.#used.add(file);
    const bytes = await fs.promises.readFile(file).catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    return parseJson(bytes, file);
  }

  /** Lines of a text file as they are read. */
  async *lines(file = this.path): AsyncGenerator<TextLine> {
    this.#used.add(file);
    await checkEncoding(file);
    yield* readLines(file);
  }

  /** Rows of a Parquet file, one row group in memory at a time. */
  async *tableRows(file = this.path): AsyncGenerator<TableRow> {
    this.#used.add(file);
    try {
      const buffer = await asyncBufferFromFile(file);
      const metadata = await parquetMetadataAsync(buffer);
      let rowStart = 0;
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        const rows = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd });
        for (const [i, values] of rows.entries()) yield { number: rowStart + i, values };
        rowStart = rowEnd;
      }
    } catch (cause) {
      throw UserError.is(cause) ? cause : unreadable(file, cause, "Expected a whole Parquet file.");
    }
  }

  /** sha256 of the one file that was read, hex; of several, of their names and hashes in the order of the names. */
  async hash(): Promise<string> {
    const files = [...this.#used].sort();
    if (files.length === 1) return sha256(files[0] ?? this.path);
    const whole = createHash("sha256");
    for (const file of files) {
      const name = path.relative(path.dirname(this.path), file).split(path.sep).join("/");
      whole.update(`${name} ${await sha256(file)}\n`);
    }
    return whole.digest("hex");
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    // SAFETY: no encoding is set on this stream, so its chunks are buffers.
    for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return hash.digest("hex");
}

/** Editors on Windows may write UTF-16, which would look like a file of broken lines. */
async function checkEncoding(file: string): Promise<void> {
  const start = Buffer.alloc(2);
  try {
    const handle = await fs.promises.open(file, "r");
    try {
      await handle.read(start, 0, 2, 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (isUtf16(start)) throw utf16(file);
}

/** By its byte order mark. */
function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}

function parseJson(bytes: Buffer, file: string): unknown {
  if (isUtf16(bytes)) throw utf16(file);
  if (bytes.length === 0) throw notJson(file, "it is empty", "Copy the file again.");
  if (!isUtf8(bytes)) throw notJson(file, "its bytes are no UTF-8", "Save it as UTF-8.");
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // Python writes both; JSON knows neither.
    const isPython = /(?<=[[:,]\s*)(?:NaN|-?Infinity)(?=\s*[\],}])/.test(text);
    const hint = isPython
      ? "It holds NaN or Infinity, which Python writes and JSON does not know: leave out those rows (json.dump with allow_nan=False finds them)."
      : 'Expected one JSON document. JSON lines have the format "jsonl".';
    throw notJson(file, reason, hint, cause);
  }
}

function notJson(where: string, reason: string, hint: string, cause?: unknown): UserError {
  return new UserError(
    { code: "bad-data", where, message: `The annotation file is not JSON: ${reason}.`, hint },
    { cause },
  );
}

function utf16(where: string): UserError {
  return new UserError({
    code: "bad-data",
    where,
    message: "The annotation file is UTF-16, expected UTF-8.",
    hint: "Save it as UTF-8.",
  });
}

function unreadable(
  file: string,
  cause: unknown,
  hint = "Correct the path in the dataset; it is relative to the specification.",
): UserError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UserError(
    { code: "bad-data", where: file, message: `The annotation file cannot be read: ${reason}.`, hint },
    { cause },
  );
}
