import fs from "node:fs";
import path from "node:path";
import type { TextRange } from "../../protocol/diagnostics.ts";
import type { JsonPath } from "../data/example.ts";
import { JsonFile, readText } from "./jsonFile.ts";

export interface AnnotationPlace {
  /** Absolute. */
  readonly file: string;
  readonly range: TextRange;
}

/** Lines of larger files are named without their length. */
const mostBytes = 40e6;

/** Where the places of datasets (data/example.ts) stand in their files, which are read when they are needed. */
export class AnnotationPlaces {
  readonly #json = new Map<string, JsonFile>();
  readonly #lines = new Map<string, readonly string[]>();

  /**
   * Of a place in the annotations at a path, a file or a folder. Null where there is no text to show: in Parquet, and for a
   * file of the folder that is not there.
   */
  locate(annotations: string, place: JsonPath): AnnotationPlace | null {
    let [file, rest] = [annotations, place];
    while (isFolder(file)) {
      const [name, ...others] = rest;
      if (typeof name !== "string") return null;
      file = path.join(file, name);
      rest = others;
    }
    if (file.endsWith(".parquet") || (file !== annotations && !fs.existsSync(file))) return null;
    return { file, range: file.endsWith(".json") ? this.#jsonFile(file).range(rest) : this.#lineRange(file, rest) };
  }

  #jsonFile(file: string): JsonFile {
    const known = this.#json.get(file) ?? JsonFile.read(file);
    this.#json.set(file, known);
    return known;
  }

  /** The line, or the value in it where the lines are JSON. */
  #lineRange(file: string, [line = 0, ...keys]: JsonPath): TextRange {
    const startLine = typeof line === "number" ? line : 0;
    const text = this.#linesOf(file)[startLine] ?? "";
    const whole = { startLine, startCharacter: 0, endLine: startLine, endCharacter: text.length };
    if (keys.length === 0 || !file.endsWith(".jsonl")) return whole;
    const { startCharacter, endCharacter } = new JsonFile(text).range(keys);
    return { ...whole, startCharacter, endCharacter };
  }

  #linesOf(file: string): readonly string[] {
    const known = this.#lines.get(file);
    if (known !== undefined) return known;
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const lines = size > mostBytes ? [] : readText(file).split(/\r?\n/);
    this.#lines.set(file, lines);
    return lines;
  }
}

function isFolder(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
