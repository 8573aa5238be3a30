// Two rules of CONTRIBUTING.md that no package has.

/** Configuration files and the entry that VS Code loads have no choice; everything else has names. */
const noDefaultExport = {
  meta: { type: "suggestion", schema: [], messages: { named: "Export by name: it is found by search and renames." } },
  create: (context) => ({
    ExportDefaultDeclaration: (node) => context.report({ node, messageId: "named" }),
  }),
};

/** `value as Type` switches the compiler off, so the reader is told why it holds. `as const` and `as unknown` are safe. */
const safetyComment = {
  meta: {
    type: "suggestion",
    schema: [],
    messages: { why: "Say why this cast holds in a comment `// SAFETY: …` on the line or right above, or narrow." },
  },
  create: (context) => {
    const source = context.sourceCode;
    const explained = new Set(
      source
        .getAllComments()
        .filter((comment) => comment.value.includes("SAFETY:"))
        .flatMap((comment) => linesCovered(source, comment)),
    );
    return {
      TSAsExpression: (node) => {
        const type = source.getText(node.typeAnnotation);
        if (type === "const" || type === "unknown") return;
        const lines = [node.loc.start.line, node.loc.end.line, statementOf(node).loc.start.line];
        if (!lines.some((line) => explained.has(line))) context.report({ node, messageId: "why" });
      },
    };
  },
};

export const localRules = { rules: { "no-default-export": noDefaultExport, "safety-comment": safetyComment } };

/** The comment's own lines, and the first line of code below it (a comment may go on over several lines). */
function linesCovered(source, comment) {
  const next = source.getTokenAfter(comment, { includeComments: false });
  const lines = next === null ? [] : [next.loc.start.line];
  for (let line = comment.loc.start.line; line <= comment.loc.end.line; line++) lines.push(line);
  return lines;
}

function statementOf(node) {
  let at = node;
  while (at.parent && !/Statement$|Declaration$|PropertyDefinition$/.test(at.type)) at = at.parent;
  return at;
}
