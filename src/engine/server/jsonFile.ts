import fs from "node:fs";
import { findNodeAtLocation, parseTree, type Node } from "jsonc-parser";
import type { TextRange } from "../../protocol/diagnostics.ts";
import type { JsonPath } from "../data/example.ts";

/** Larger annotation files are not parsed once more to find a line. */
const mostBytes = 40e6;

/** Places of values in the text of a JSON file. */
export class JsonFile {
  readonly #root: Node | undefined;
  readonly #starts: readonly number[];

  constructor(text: string) {
    this.#root = parseTree(text.replace(/^\uFEFF/, " "));
    this.#starts = [0, ...[...text.matchAll(/\r\n|\r|\n/g)].map((match) => match.index + match[0].length)];
  }

  static read(file: string): JsonFile {
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return new JsonFile(size > mostBytes ? "" : readText(file));
  }

  /** Of the value or of the nearest thing around it that is there; of a list or an object its first bracket. */
  range(jsonPath: JsonPath): TextRange {
    for (let depth = jsonPath.length; this.#root !== undefined && depth >= 0; depth--) {
      const node = findNodeAtLocation(this.#root, jsonPath.slice(0, depth));
      if (node === undefined) continue;
      const isShort = node.type !== "object" && (node.type !== "array" || (node.children?.length ?? 0) <= 4);
      return this.#rangeOf(node.offset, isShort ? node.length : 1);
    }
    return this.#rangeOf(0, 0);
  }

  #rangeOf(offset: number, length: number): TextRange {
    const start = this.#position(offset);
    const end = this.#position(offset + length);
    return {
      startLine: start.line,
      startCharacter: start.character,
      endLine: end.line,
      endCharacter: end.character,
    };
  }

  #position(offset: number): { line: number; character: number } {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low, character: offset - (this.#starts[low] ?? 0) };
  }
}

/** A file that has gone meanwhile has no lines. */
export function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
