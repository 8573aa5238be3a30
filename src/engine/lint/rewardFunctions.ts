import type { TextRange } from "../../protocol/diagnostics.ts";

/**
 * Names that a reward function may have, read from the text of its file without running it; null where the text does not say
 * (names that are passed on from other files).
 */
export function functionNames(text: string, file: string): readonly string[] | null {
  const code = withoutComments(text, file);
  if (isPython(file)) {
    if (/^\s*from\s+\S+\s+import\s+(?:\*|\()/m.test(code)) return null;
    const defined = namesIn(code, /^(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=/gm);
    const imported = namesIn(code, /^from\s+\S+\s+import\s+(.+)$/gm).flatMap((list) => list.split(","));
    return [...defined, ...imported.map(lastWord)];
  }
  if (/\bexport\s*\*|\bmodule\.exports\b|\bexports\.\w/.test(code)) return null;
  const declared = namesIn(
    code,
    /\bexport\s+(?:async\s+)?(?:function\s*\*?|const|let|var|class)\s+([\w$]+)|\bexport\s+(default)\b/g,
  );
  const listed = namesIn(code, /\bexport\s*\{([^}]*)\}/g).flatMap((list) => list.split(","));
  return [...declared, ...listed.map(lastWord)].filter((name) => name !== "");
}

/** The name of a function where it is defined; the beginning of the file where it is not found. */
export function functionRange(text: string, file: string, name: string): TextRange {
  const escaped = name.replace(/\$/g, "\\$");
  const pattern = isPython(file)
    ? new RegExp(`^(\\s*(?:async\\s+def|def|class)\\s+)${escaped}\\b`)
    : new RegExp(`^(.*\\b(?:function\\s*\\*?|const|let|var|class)\\s+)${escaped}(?![\\w$])`);
  const lines = text.split(/\r\n|\r|\n/);
  const line = lines.findIndex((row) => pattern.test(row));
  if (line < 0) return { startLine: 0, startCharacter: 0, endLine: 0, endCharacter: lines[0]?.length ?? 0 };
  const start = pattern.exec(lines[line] ?? "")?.[1]?.length ?? 0;
  return { startLine: line, startCharacter: start, endLine: line, endCharacter: start + name.length };
}

function isPython(file: string): boolean {
  return file.endsWith(".py");
}

function withoutComments(text: string, file: string): string {
  return isPython(file) ? text.replace(/#.*$/gm, "") : text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** First group that took part, of each match. */
function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].flatMap((match) => match.slice(1).find((group) => group !== undefined) ?? []);
}

/** "a as b" is known as b. */
function lastWord(text: string): string {
  return text.trim().split(/\s+/).at(-1) ?? "";
}
