import fs from "node:fs";
import path from "node:path";
import ts from "typescript";

/** Languages besides English, as VS Code names them. */
export const languages = ["zh-cn"] as const;

/** Relative to the repository, as all paths here. */
export function bundleFile(language: string): string {
  return path.join("l10n", `bundle.l10n.${language}.json`);
}

/** Every message that the extension and its pages give to `t`, sorted. */
export function messagesOfSources(): readonly string[] {
  const files = ["src/extension", "webview"].flatMap((folder) =>
    fs
      .readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => path.join(folder, name)),
  );
  return [...new Set(files.flatMap(messagesOf))].sort();
}

/** A message that does not stand in the call cannot be found here, and so not be translated: an error. */
function messagesOf(file: string): readonly string[] {
  const text = fs.readFileSync(file, "utf8");
  if (!text.includes('from "@vscode/l10n"')) return [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const messages: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "t") {
      const [message] = node.arguments;
      if (message === undefined || !ts.isStringLiteralLike(message)) {
        const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
        throw new Error(`${file}:${line}: expected a message in quotes, found ${message?.getText() ?? "none"}`);
      }
      messages.push(message.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return messages;
}
