/**
 * Line (0-based) of the first statement of the function whose head begins at `line`: where the debugger stops when nobody
 * has set a breakpoint. The head's own line where none is found.
 */
export function firstStatementLine(text: string, line: number, languageId: string): number {
  const rows = text.split("\n");
  const isPython = languageId === "python";
  let depth = 0;
  for (let at = line; at < rows.length; at += 1) {
    const row = withoutComment(rows[at] ?? "", isPython);
    for (const sign of row) depth += "([".includes(sign) ? 1 : ")]".includes(sign) ? -1 : 0;
    const isHeadsEnd = depth === 0 && (isPython ? /:\s*$/ : /(\{|=>)\s*$/).test(row);
    if (isHeadsEnd) return statementAfter(rows, at + 1, isPython) ?? line;
  }
  return line;
}

function statementAfter(rows: readonly string[], from: number, isPython: boolean): number | undefined {
  let docstring: string | undefined;
  let isInComment = false;
  for (let at = from; at < rows.length; at += 1) {
    const row = (rows[at] ?? "").trim();
    if (docstring !== undefined) {
      if (row.endsWith(docstring)) docstring = undefined;
    } else if (isInComment) {
      isInComment = !row.includes("*/");
    } else if (isPython && /^[rRuU]?("""|''')/.test(row)) {
      const quote = row.includes('"""') ? '"""' : "'''";
      const isOneLine = row.length > row.indexOf(quote) + 3 && row.endsWith(quote);
      if (!isOneLine) docstring = quote;
    } else if (!isPython && row.startsWith("/*")) {
      isInComment = !row.includes("*/");
    } else if (row !== "" && !row.startsWith(isPython ? "#" : "//")) {
      return at;
    }
  }
  return undefined;
}

function withoutComment(row: string, isPython: boolean): string {
  return row.replace(isPython ? /#.*$/ : /\/\/.*$/, "");
}
