/** Where functions stand in the text of a reward file, without a language server: lenses are there when the file opens. */
export interface FunctionPlace {
  readonly name: string;
  readonly line: number; // 0-based
  /** It takes what a reward takes: completions come first. */
  readonly takesCompletions: boolean;
}

/** Top-level functions of a file, and in Python its classes; `null` for a language without rewards. */
export function functionPlaces(text: string, languageId: string): readonly FunctionPlace[] | null {
  switch (languageId) {
    case "python":
      return placesOf(text, /^(?:async\s+def|def|class)\s+([A-Za-z_]\w*)/);
    case "typescript":
    case "javascript":
      return placesOf(
        text,
        /^export\s+(?:async\s+)?(?:function\s*\*?\s*([A-Za-z_$][\w$]*)|(?:const|let|var)\s+([A-Za-z_$][\w$]*))/,
      );
    default:
      return null;
  }
}

function placesOf(text: string, pattern: RegExp): FunctionPlace[] {
  const rows = text.split("\n");
  return rows.flatMap((row, line) => {
    const match = pattern.exec(row);
    const name = match?.[1] ?? match?.[2];
    if (name === undefined) return [];
    // Parameters may stand on lines of their own.
    const head = rows.slice(line, line + 3).join(" ");
    return [{ name, line, takesCompletions: /\(\s*(?:completions?|items)\b/.test(head) }];
  });
}
