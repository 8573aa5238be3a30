import { applyEdits, findNodeAtLocation, getNodeValue, modify, parseTree, type JSONPath } from "jsonc-parser";
import { resolveSpecPath, type SpecEdit, type SpecFix } from "../../protocol/diagnostics.ts";

/** A piece of a text and what takes its place; offsets in UTF-16 units. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * A specification's text after a fix, with its comments and its layout; null where the fix does not fit any more: what it names
 * is not there, or the text is no JSON.
 */
export function fixedText(text: string, { edits }: SpecFix): string | null {
  let fixed = text;
  for (const edit of edits) {
    const next = editedText(fixed, edit);
    if (next === null) return null;
    fixed = next;
  }
  return fixed;
}

/** The one edit between two texts, as short as it can be; null when they are the same. */
export function editBetween(before: string, after: string): TextEdit | null {
  if (before === after) return null;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let tail = 0;
  while (tail < shorter - start && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return { start, end: before.length - tail, text: after.slice(start, after.length - tail) };
}

function editedText(text: string, edit: SpecEdit): string | null {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const path = root === undefined ? null : resolveSpecPath(getNodeValue(root), edit.path);
  if (root === undefined || path === null) return null;
  const formattingOptions = layoutOf(text);
  const change = (at: JSONPath, value: unknown, isArrayInsertion = false): string =>
    applyEdits(text, modify(text, at, value, { formattingOptions, isArrayInsertion }));
  const node = findNodeAtLocation(root, path);
  switch (edit.kind) {
    case "set":
      return change(path, edit.value);
    case "remove":
      return node === undefined ? null : change(path, undefined);
    case "add":
      if (node === undefined) return change(path, [edit.value]);
      return node.type === "array" ? change([...path, node.children?.length ?? 0], edit.value, true) : null;
    case "rename": {
      const key = node?.parent?.type === "property" ? node.parent.children?.[0] : undefined;
      if (key === undefined) return null;
      return text.slice(0, key.offset) + JSON.stringify(edit.key) + text.slice(key.offset + key.length);
    }
  }
}

/** Indentation and line ends as the text has them. */
function layoutOf(text: string): { insertSpaces: boolean; tabSize: number; eol: string } {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}
