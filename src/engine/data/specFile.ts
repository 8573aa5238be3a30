import fs from "node:fs";
import path from "node:path";
import type { Node, ParseError } from "jsonc-parser";
import { findNodeAtLocation, parseTree, getNodeValue, printParseErrorCode } from "jsonc-parser";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec, SpecProblem } from "../../protocol/spec.ts";
import { validateSpec } from "../../protocol/spec.ts";
import { mendSpecProblem } from "./specHints.ts";

export interface LoadedSpec {
  readonly spec: RunSpec;
  /** Absolute folder that the relative paths of the specification start from. */
  readonly baseDir: string;
  readonly text: string;
}

/** Place in a text: `offset` and `length` in UTF-16 units, `line` and `column` 1-based. */
export interface TextPlace {
  readonly offset: number;
  readonly length: number;
  readonly line: number;
  readonly column: number;
}

/** A mistake with its place and a sentence that says how to mend it. */
export interface PlacedSpecProblem extends SpecProblem {
  readonly place: TextPlace;
  readonly mend: string;
}

/** Read and validate a specification. Throws UserError bad-spec with one line a mistake, or not-found. */
export function loadSpec(specPath: string): LoadedSpec {
  const file = path.resolve(specPath);
  const text = readSpecText(file);
  const parsed = parseSpec(text);
  if (!parsed.ok) throw specError(specPath, parsed.problems);
  return { spec: parsed.spec, baseDir: path.dirname(file), text };
}

/** Validate the text of a specification (JSON with comments). Never throws. */
export function parseSpec(text: string): { ok: true; spec: RunSpec } | { ok: false; problems: PlacedSpecProblem[] } {
  const errors: ParseError[] = [];
  // A byte order mark is no part of the specification; a blank keeps the offsets.
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true, disallowComments: false });
  if (errors.length > 0 || root === undefined) return { ok: false, problems: syntaxProblems(text, errors) };
  const result = validateSpec(getNodeValue(root));
  if (result.ok) return { ok: true, spec: result.spec };
  const problems = result.problems.map((problem) => ({
    ...problem,
    place: placeOfPath(text, problem.path),
    mend: mendSpecProblem(problem),
  }));
  return { ok: false, problems };
}

/** The JSON of a specification's text, right or wrong; undefined where it is none. */
export function jsonOfSpec(text: string): unknown {
  const errors: ParseError[] = [];
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  return errors.length > 0 || root === undefined ? undefined : getNodeValue(root);
}

/**
 * Where a path of a specification stands in its text, for editors and messages: the key for an unknown or wrong key's
 * property, the value inside a list, and the nearest enclosing object when the path itself is not there (a missing key).
 */
export function placeOfPath(text: string, specPath: SpecProblem["path"]): TextPlace {
  const root = parseTree(text, [], { allowTrailingComma: true });
  for (let depth = specPath.length; root !== undefined && depth >= 0; depth--) {
    const node = findNodeAtLocation(root, [...specPath.slice(0, depth)]);
    if (node !== undefined) return placeAt(text, ...extentOf(node, depth === specPath.length));
  }
  return placeAt(text, 0, 0);
}

/** "grpo.groupSize", "data[0].path"; "(top level)" for the empty path. */
export function formatSpecPath(specPath: SpecProblem["path"]): string {
  const text = specPath.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "(top level)" : text.replace(/^\./, "");
}

function readSpecText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw new UserError(
      {
        code: "not-found",
        where: file,
        message: `The run specification cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: "Give the path of a *.rft.json file.",
      },
      { cause },
    );
  }
}

function specError(specPath: string, problems: readonly PlacedSpecProblem[]): UserError {
  const lines = problems.map(
    ({ path: inside, message, mend, place }) =>
      `${specPath}:${place.line}:${place.column}: ${formatSpecPath(inside)}: ${message}. ${mend}`,
  );
  return new UserError({ code: "bad-spec", message: lines.join("\n") });
}

function syntaxProblems(text: string, errors: readonly ParseError[]): PlacedSpecProblem[] {
  if (errors.length === 0) {
    const message = "found an empty file, expected a run specification";
    return [{ path: [], message, place: placeAt(text, 0, 0), mend: "Write an object with policy, data and rewards." }];
  }
  return errors.map((error) => {
    const found = text.slice(error.offset, error.offset + Math.min(error.length, 20));
    return {
      path: [],
      message: `not JSON: ${splitWords(printParseErrorCode(error.error))}${found === "" ? "" : `, found ${JSON.stringify(found)}`}`,
      place: placeAt(text, error.offset, error.length),
      mend: "Correct the brackets, commas or quotes at this place.",
    };
  });
}

/** The key and its value for a property, so that the whole entry is marked; the value alone in a list. */
function extentOf(node: Node, isExact: boolean): [offset: number, length: number] {
  const key = node.parent?.type === "property" ? node.parent.children?.[0] : undefined;
  if (key !== undefined) return [key.offset, key.length];
  // A missing key is marked at the opening bracket of what lacks it, not over many lines.
  return isExact && node.type !== "object" && node.type !== "array" ? [node.offset, node.length] : [node.offset, 1];
}

function placeAt(text: string, offset: number, length: number): TextPlace {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { offset, length, line: before.split("\n").length, column: offset - lineStart + 1 };
}

function splitWords(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}
