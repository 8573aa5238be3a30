import fs from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transformSync } from "amaro";
import type { SourceFiles } from "../hostProtocol.ts";

/**
 * Loads the workspace's TypeScript without a build step. Types are overwritten with blanks, so every line and column of
 * what runs is that of the file: breakpoints, stacks and coverage need no source map. Only what blanks cannot express
 * (enums, parameter properties) is rewritten, with a source map.
 */
export const typescriptFile = /\.m?ts$/;

/** Where an import leads that Node itself does not find: TypeScript may leave the ending out, or write .js for .ts. */
export function resolveTypescript(specifier: string, parentUrl: string | undefined): string | null {
  if (parentUrl === undefined || !/^\.{1,2}\//.test(specifier)) return null;
  const base = new URL(specifier, parentUrl);
  const names = [
    base.pathname,
    `${base.pathname}.ts`,
    `${base.pathname}/index.ts`,
    base.pathname.replace(/\.(m?)js$/, ".$1ts"),
  ];
  const found = names
    .map((name) => new URL(name, base))
    .find((url) => typescriptFile.test(url.pathname) && isFile(url));
  return found === undefined ? null : found.href;
}

/**
 * Source of a module that Node does not load as it is, ready to run: TypeScript, and modules with another text in `sources`.
 * Null for the others. Throws SyntaxError with the place in the message.
 */
export function loadSource(url: string, sources: SourceFiles | null): string | null {
  if (!url.startsWith("file:")) return null;
  const file = fileURLToPath(url);
  const text = sources?.[file];
  if (!typescriptFile.test(file)) return /\.mjs$/.test(file) ? (text ?? null) : null;
  const source = text ?? fs.readFileSync(file, "utf8");
  const stripped = stripTypes(source, file);
  if (stripped !== null) return `${stripped}\n${comment("sourceURL", url)}`;
  try {
    const { code, map } = transformSync(source, { mode: "transform", sourceMap: true, filename: file });
    return map === undefined || map === "" ? code : `${code}\n${comment("sourceMappingURL", dataUrl(map, file))}`;
  } catch (error) {
    throw syntaxError(file, error);
  }
}

/** The text with blanks for its types, so that everything stays in its place; null where blanks cannot express it. */
export function stripTypes(source: string, file: string): string | null {
  try {
    return transformSync(source, { mode: "strip-only", filename: file }).code;
  } catch (error) {
    if (isUnsupportedSyntax(error)) return null;
    throw syntaxError(file, error);
  }
}

/**
 * A comment for debuggers. `sourceURL` says that the text was made from that file, so that a debugger shows the file itself
 * although it differs. Not written out here: who looks for such comments in source files must not find one in this.
 */
function comment(name: "sourceURL" | "sourceMappingURL", value: string): string {
  return `//# ${name}=${value}`;
}

/** What amaro throws: no Error, but an object that says what and where. */
interface SyntaxProblem {
  readonly code: string;
  readonly message: string;
  readonly startLine: number;
  readonly startColumn: number;
}

function problemOf(error: unknown): SyntaxProblem | null {
  const isProblem = typeof error === "object" && error !== null && "startLine" in error && "message" in error;
  // SAFETY: only amaro throws objects with these keys, and it writes all of them.
  return isProblem ? (error as SyntaxProblem) : null;
}

function isUnsupportedSyntax(error: unknown): boolean {
  return problemOf(error)?.code === "UnsupportedSyntax";
}

function syntaxError(file: string, error: unknown): unknown {
  const problem = problemOf(error);
  return problem === null
    ? error
    : new SyntaxError(`${file}:${problem.startLine}:${problem.startColumn + 1}: ${problem.message}`);
}

/** The map names the file itself, wherever it is read. */
function dataUrl(map: string, file: string): string {
  // SAFETY: amaro writes a source map, which is a JSON object.
  const json = JSON.parse(map) as Record<string, unknown>;
  const named = JSON.stringify({ ...json, sources: [pathToFileURL(file).href] });
  return `data:application/json;base64,${Buffer.from(named).toString("base64")}`;
}

function isFile(url: URL): boolean {
  return fs.statSync(url, { throwIfNoEntry: false })?.isFile() ?? false;
}
