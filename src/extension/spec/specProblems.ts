import { t } from "@vscode/l10n";
import path from "node:path";
import {
  findNodeAtLocation,
  parseTree,
  getNodeValue,
  printParseErrorCode,
  type Node,
  type ParseError,
} from "jsonc-parser";
import type { DiagnosticCode, DiagnosticSeverity, SpecFix, SpecPath, TextRange } from "../../protocol/diagnostics.ts";
import { resolveSpecPath } from "../../protocol/diagnostics.ts";
import type { SpecDiagnostic } from "../../protocol/messages.ts";
import { runSpecSchema, validateSpec } from "../../protocol/spec.ts";

/** A finding with its place in a text. */
export interface PlacedProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly severity: DiagnosticSeverity;
  readonly range: TextRange;
  readonly fixes: readonly SpecFix[];
}

export interface SpecCheck {
  /** What the JSON schema of the editor says too: syntax, unknown keys, types, limits. */
  readonly bySchema: readonly PlacedProblem[];
  /** What no schema can say: relations between keys, and what the engine found. Empty before the schema is met. */
  readonly beyondSchema: readonly PlacedProblem[];
}

/** Checks a specification's text. `engineProblems` are the engine's answer for the same text. Never throws. */
export function checkSpecText(text: string, engineProblems: readonly SpecDiagnostic[]): SpecCheck {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const lines = new LineIndex(text);
  const syntax = errors.map(({ error, offset, length }): PlacedProblem => {
    const message = `${splitWords(printParseErrorCode(error))} here`;
    const range = lines.range(offset, offset + Math.max(1, length));
    return { code: "not-json", message, severity: "error", range, fixes: [] };
  });
  if (root === undefined || syntax.length > 0) return { bySchema: syntax, beyondSchema: [] };
  const json: unknown = getNodeValue(root);
  const place = ({ path: keys, ...problem }: SpecDiagnostic): PlacedProblem => {
    const resolved = resolveSpecPath(json, keys) ?? [];
    const key = problem.message.startsWith("unknown key") ? keyAt(root, resolved) : undefined;
    return { ...problem, range: key === undefined ? placeOf(root, resolved, lines) : nodeRange(key, lines) };
  };
  const own = validateSpec(json);
  const problems = own.ok ? [] : own.problems;
  const relations = relationKeys(json);
  // The engine finds the same mistakes, and adds how to mend them.
  const asTheEngineSays = (problem: OwnProblem): SpecDiagnostic =>
    engineProblems.find((p) => isSame(p, problem)) ?? { code: "bad-spec", severity: "error", fixes: [], ...problem };
  const bySchema = problems.filter((p) => !relations.has(keyOf(p)));
  const broken = problems.filter((p) => relations.has(keyOf(p)));
  const further = engineProblems.filter((p) => !problems.some((own) => isSame(p, own)));
  return {
    // What the editor says in its own words needs the quick fix only.
    bySchema: bySchema.map((p) => place({ ...asTheEngineSays(p), message: p.message })),
    beyondSchema: [...broken.map(asTheEngineSays), ...further].map(place),
  };
}

/** Places findings about a specification in its text; those whose path names something that is not there are left out. */
export function placeOnSpec<T extends { readonly path: SpecPath }>(
  text: string,
  findings: readonly T[],
): { readonly finding: T; readonly range: TextRange }[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) return [];
  const json: unknown = getNodeValue(root);
  const lines = new LineIndex(text);
  return findings.flatMap((finding) => {
    const keys = resolveSpecPath(json, finding.path);
    return keys === null ? [] : [{ finding, range: placeOf(root, keys, lines) }];
  });
}

/** Folder that the specification's runs are made in; the text may be broken. */
export function runsFolderOf(specPath: string, text: string): string {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const value: unknown = root === undefined ? undefined : findNodeAtLocation(root, ["runs"])?.value;
  return path.resolve(path.dirname(specPath), typeof value === "string" ? value : "runs");
}

/** "line 12: expected …" */
export function problemLine(problem: PlacedProblem): string {
  return t("line {0}: {1}", problem.range.startLine + 1, problem.message);
}

/** Problems of rules between keys (zod's refinements), which JSON Schema does not carry. */
function relationKeys(json: unknown): ReadonlySet<string> {
  const result = runSpecSchema.safeParse(json);
  if (result.success) return new Set();
  const custom = result.error.issues.filter((issue) => issue.code === "custom");
  return new Set(custom.map(({ path, message }) => keyOf({ path: path.map(asKey), message })));
}

function asKey(part: PropertyKey): string | number {
  return typeof part === "symbol" ? String(part) : part;
}

type OwnProblem = Pick<SpecDiagnostic, "message"> & { readonly path: readonly (string | number)[] };

function isSame(engine: SpecDiagnostic, own: OwnProblem): boolean {
  const isSamePath = engine.path.length === own.path.length && own.path.every((part, i) => part === engine.path[i]);
  return isSamePath && engine.message.startsWith(own.message);
}

function keyOf(problem: { path: readonly (string | number)[]; message: string }): string {
  return JSON.stringify([problem.path, problem.message]);
}

/** The value at the path; where the path leads nowhere, the key of the nearest thing that is there. */
function placeOf(root: Node, keys: readonly (string | number)[], lines: LineIndex): TextRange {
  const exact = findNodeAtLocation(root, [...keys]);
  if (exact !== undefined) return nodeRange(exact, lines);
  for (let length = keys.length - 1; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, keys.slice(0, length));
    const key = node?.parent?.type === "property" ? node.parent.children?.[0] : node;
    if (key !== undefined) return nodeRange(key, lines);
  }
  return lines.range(root.offset, root.offset + 1);
}

/** The name of a property, where the editor's schema marks one that it does not know. */
function keyAt(root: Node, keys: readonly (string | number)[]): Node | undefined {
  const { parent } = findNodeAtLocation(root, [...keys]) ?? {};
  return parent?.type === "property" ? parent.children?.[0] : undefined;
}

/** An object or array would underline half the file: its key stands for it, or its first bracket. */
function nodeRange(node: Node, lines: LineIndex): TextRange {
  if (node.type !== "object" && node.type !== "array") return lines.range(node.offset, node.offset + node.length);
  const key = node.parent?.type === "property" ? node.parent.children?.[0] : undefined;
  if (key !== undefined) return lines.range(key.offset, key.offset + key.length);
  return lines.range(node.offset, node.offset + 1);
}

/** Offsets to lines and characters. */
class LineIndex {
  private readonly starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (const match of text.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
    this.starts = starts;
  }

  range(start: number, end: number): TextRange {
    const from = this.position(start);
    const to = this.position(end);
    return { startLine: from.line, startCharacter: from.character, endLine: to.line, endCharacter: to.character };
  }

  private position(offset: number): { line: number; character: number } {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low, character: offset - (this.starts[low] ?? 0) };
  }
}

/** "InvalidSymbol" → "invalid symbol" */
function splitWords(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}
