import fs from "node:fs";
import path from "node:path";
import { format } from "prettier";
import ts from "typescript";

/**
 * The types of the reward contract for a user's editor, made from those of the engine: a declaration file for TypeScript, and a
 * module of TypedDicts for Python. Both are files to copy beside a reward; neither needs a package.
 */

const sources = ["src/protocol/reward.ts", "src/protocol/tasks.ts", "src/protocol/records.ts"];

type Declaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

interface Contract {
  readonly version: string;
  /** In an order in which each uses only those before it. */
  readonly declarations: readonly Declaration[];
  /** Texts of constant lists, by name. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

export function typescriptContract(root: string): Promise<string> {
  const { version, declarations, lists } = readContract(root);
  const printed = declarations.map((declaration) => {
    const literals = listedLiterals(declaration, lists);
    const text = declaration.getText();
    if (literals === null) return docOf(declaration) + text.replace(/ \| undefined;/g, ";");
    return `${docOf(declaration)}export type ${declaration.name.text} = ${literals.map((l) => `"${l}"`).join(" | ")};`;
  });
  const text = [
    `// Types of reward functions for Video RFT, version ${version} of the contract. Times are in seconds of the video, boxes are`,
    "// fractions of the frame. Made by Video RFT: copy it beside your reward, and write",
    '//   import type { RewardFunction } from "./videoRft";',
    "",
    `${printed.join("\n\n")}\n`,
  ].join("\n");
  return format(text, { parser: "typescript", printWidth: 120 });
}

export function pythonContract(root: string): string {
  const { version, declarations, lists } = readContract(root);
  const printed = declarations.map((declaration) => pythonDeclaration(declaration, lists));
  return [
    `"""Types of reward functions for Video RFT, version ${version} of the contract.`,
    "",
    "Times are in seconds of the video, boxes are fractions of the frame. Made by Video RFT: copy it beside your reward, and write",
    "",
    "    from video_rft_types import RewardCompletion, RewardExample, RewardResult",
    '"""',
    "",
    "from __future__ import annotations",
    "",
    "from typing import Any, Awaitable, Callable, Dict, List, Literal, Optional, TypedDict, Union",
    "",
    "",
    `${printed.join("\n\n\n")}\n`,
  ].join("\n");
}

function readContract(root: string): Contract {
  const files = sources.map((file) =>
    ts.createSourceFile(file, fs.readFileSync(path.join(root, file), "utf8"), ts.ScriptTarget.Latest, true),
  );
  const known = new Map<string, Declaration>();
  const lists = new Map<string, readonly string[]>();
  let version = "";
  for (const statement of files.flatMap((file) => [...file.statements])) {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      known.set(statement.name.text, statement);
    } else if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (name.getText() === "rewardContractVersion") version = initializer?.getText() ?? "";
        const list = initializer !== undefined && ts.isAsExpression(initializer) ? initializer.expression : undefined;
        if (list === undefined || !ts.isArrayLiteralExpression(list)) continue;
        lists.set(
          name.getText(),
          list.elements.filter(ts.isStringLiteral).map(({ text }) => text),
        );
      }
    }
  }
  const declarations: Declaration[] = [];
  const add = (declaration: Declaration): void => {
    if (declarations.includes(declaration)) return;
    for (const name of referencesOf(declaration)) {
      const used = known.get(name);
      if (used !== undefined && used !== declaration) add(used);
    }
    declarations.push(declaration);
  };
  for (const declaration of known.values()) if (declaration.getSourceFile() === files[0]) add(declaration);
  return { version, declarations, lists };
}

function referencesOf(node: ts.Node): string[] {
  const own = ts.isTypeReferenceNode(node) ? [node.typeName.getText()] : [];
  const below: string[] = [];
  node.forEachChild((child) => void below.push(...referencesOf(child)));
  return [...own, ...below];
}

/** Of `(typeof list)[number]`. */
function listedLiterals(declaration: Declaration, lists: Contract["lists"]): readonly string[] | null {
  if (!ts.isTypeAliasDeclaration(declaration) || !ts.isIndexedAccessTypeNode(declaration.type)) return null;
  const name = /typeof (\w+)/.exec(declaration.type.objectType.getText())?.[1] ?? "";
  const literals = lists.get(name);
  if (literals === undefined) throw new Error(`there is no list ${name}`);
  return literals;
}

/** The comment above a declaration or a property, as it stands in the source. */
function docOf(node: ts.Node): string {
  const comments = ts.getLeadingCommentRanges(node.getSourceFile().text, node.getFullStart()) ?? [];
  const doc = comments.findLast(({ pos }) => node.getSourceFile().text.startsWith("/**", pos));
  return doc === undefined ? "" : `${node.getSourceFile().text.slice(doc.pos, doc.end)}\n`;
}

/** Sentences of a comment, without its stars. */
function docLines(node: ts.Node): string[] {
  return docOf(node)
    .replace(/^\/\*\*|\*\/\s*$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => line !== "");
}

/** The comment in Python's words. */
function pythonDoc(node: ts.Node): string[] {
  return docLines(node).map((line) => line.replace(/\bnull\b/g, "None"));
}

function pythonDeclaration(declaration: Declaration, lists: Contract["lists"]): string {
  const name = declaration.name.text;
  if (ts.isInterfaceDeclaration(declaration)) return pythonClass(name, pythonDoc(declaration), declaration.members);
  const comment = pythonDoc(declaration)
    .map((line) => `# ${line}\n`)
    .join("");
  const literals = listedLiterals(declaration, lists);
  if (literals !== null)
    return (
      comment +
      pythonAlias(
        name,
        "Literal",
        literals.map((literal) => `"${literal}"`),
      )
    );
  const { type } = declaration;
  const members = ts.isUnionTypeNode(type) ? type.types.filter(ts.isTypeLiteralNode) : [];
  if (members.length === 0) return `${comment}${name} = ${pythonType(type)}`;
  // The members of a union of objects have names of their own: TemporalGroundingTruth.
  const classes = members.map((member) => {
    const text = /task: "([\w-]+)"/.exec(member.getText())?.[1] ?? "";
    const own = text.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()) + name;
    return { own, code: pythonClass(own, [], member.members) };
  });
  const union =
    comment +
    pythonAlias(
      name,
      "Union",
      classes.map(({ own }) => own),
    );
  return [...classes.map(({ code }) => code), union].join("\n\n\n");
}

/** `name = Union[a, b]`, on several lines where one is too short. */
function pythonAlias(name: string, of: "Literal" | "Union", members: readonly string[]): string {
  const line = `${name} = ${of}[${members.join(", ")}]`;
  return line.length <= 120 ? line : `${name} = ${of}[${members.map((member) => `\n    ${member},`).join("")}\n]`;
}

/** Keys that may be missing stand in a class of their own: NotRequired is newer than the oldest Python that rewards run on. */
function pythonClass(name: string, doc: readonly string[], members: ts.NodeArray<ts.TypeElement>): string {
  const properties = members.filter(ts.isPropertySignature);
  const isOptional = ({ questionToken }: ts.PropertySignature): boolean => questionToken !== undefined;
  const fields = (some: readonly ts.PropertySignature[]): string[] =>
    some.flatMap((property) => [
      ...[...pythonDoc(property), ...lineComment(property)].map((line) => `    # ${line}`),
      `    ${property.name.getText()}: ${pythonType(property.type)}`,
    ]);
  const optional = properties.filter(isOptional);
  const required = fields(properties.filter((property) => !isOptional(property)));
  const docstring = doc.length === 0 ? [] : [`    """${doc.join("\n    ")}"""`, ""];
  if (optional.length === 0) return [`class ${name}(TypedDict):`, ...docstring, ...required].join("\n");
  const base = [`class _${name}(TypedDict):`, ...required].join("\n");
  return `${base}\n\n\n${[`class ${name}(_${name}, total=False):`, ...docstring, ...fields(optional)].join("\n")}`;
}

/** "// …" behind a property. */
function lineComment(property: ts.PropertySignature): string[] {
  const { text } = property.getSourceFile();
  const [comment] = ts.getTrailingCommentRanges(text, property.end) ?? [];
  return comment === undefined ? [] : [text.slice(comment.pos + 2, comment.end).trim()];
}

function pythonType(type: ts.TypeNode | undefined): string {
  if (type === undefined) return "Any";
  if (ts.isUnionTypeNode(type)) return pythonUnion(type.types);
  if (ts.isArrayTypeNode(type)) return `List[${pythonType(type.elementType)}]`;
  if (ts.isTypeOperatorNode(type)) return pythonType(type.type);
  if (ts.isParenthesizedTypeNode(type)) return pythonType(type.type);
  if (ts.isLiteralTypeNode(type)) return `Literal[${type.literal.getText()}]`;
  if (ts.isFunctionTypeNode(type)) {
    const parameters = type.parameters.map((parameter) => pythonType(parameter.type));
    return `Callable[[${parameters.join(", ")}], ${pythonType(type.type)}]`;
  }
  if (ts.isTypeReferenceNode(type)) return pythonReference(type);
  const names: Readonly<Record<string, string>> = { string: "str", number: "float", boolean: "bool", unknown: "Any" };
  const found = names[type.getText()];
  if (found === undefined) throw new Error(`there is no Python for ${type.getText()}`);
  return found;
}

function pythonReference(type: ts.TypeReferenceNode): string {
  const [first, second] = type.typeArguments ?? [];
  const name = type.typeName.getText();
  switch (name) {
    case "Readonly":
      return pythonType(first);
    case "Record":
      return `Dict[${pythonType(first)}, ${pythonType(second)}]`;
    case "Promise":
      return `Awaitable[${pythonType(first)}]`;
    default:
      return name;
  }
}

function pythonUnion(types: readonly ts.TypeNode[]): string {
  const isNull = (type: ts.TypeNode): boolean => type.getText() === "null";
  const rest = types.filter((type) => !isNull(type) && type.kind !== ts.SyntaxKind.UndefinedKeyword);
  const literals = rest.filter(ts.isLiteralTypeNode).map(({ literal }) => literal.getText());
  const others = rest.filter((type) => !ts.isLiteralTypeNode(type)).map(pythonType);
  const all = [...(literals.length === 0 ? [] : [`Literal[${literals.join(", ")}]`]), ...others];
  const union = all.length === 1 ? (all[0] ?? "") : `Union[${all.join(", ")}]`;
  return types.some(isNull) ? `Optional[${union}]` : union;
}
