import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { SpecDiagnostic } from "../../src/protocol/messages.ts";
import type { PlacedProblem } from "../../src/extension/spec/specProblems.ts";
import { checkSpecText, placeOnSpec, problemLine, runsFolderOf } from "../../src/extension/spec/specProblems.ts";

const good = `{
  // a comment
  "name": "shapes",
  "policy": { "model": "policy" },
  "data": [
    { "id": "a", "task": "temporal-grounding", "format": "charades-sta", "path": "a.json", "videos": "v" }
  ],
  "rewards": [{ "name": "tiou" }]
}
`;

/** What the engine finds, with what most tests do not care about. */
function found(path: SpecDiagnostic["path"], message: string, changes: Partial<SpecDiagnostic> = {}): SpecDiagnostic {
  return { code: "bad-spec", severity: "error", path, message, fixes: [], ...changes };
}

/** The underlined text and the message. */
function shown(text: string, problems: readonly PlacedProblem[]): string[] {
  const lines = text.split("\n");
  return problems.map(({ range, message }) => {
    assert.equal(range.startLine, range.endLine);
    return `${lines[range.startLine]?.slice(range.startCharacter, range.endCharacter)}: ${message}`;
  });
}

test("a right specification has no problems", () => {
  assert.deepEqual(checkSpecText(good, []), { bySchema: [], beyondSchema: [] });
});

test("mistakes that the editor's schema tells are kept apart, and placed at their value or key", () => {
  const text = good
    .replace('"shapes"', '"moving shapes"')
    .replace('"rewards"', '"grpo": { "groupSize": 1, "betta": 2 },\n  "rewards"')
    .replace('"model": "policy"', "");
  const { bySchema, beyondSchema } = checkSpecText(text, []);
  assert.deepEqual(beyondSchema, []);
  assert.deepEqual(
    shown(text, bySchema).map((line) => line.split(",")[0]),
    [
      '"moving shapes": expected letters',
      '"policy": expected string', // a key that is missing is told at what lacks it
      "1: too small: expected number to be >=2",
      '"betta": unknown key "betta"',
    ],
  );
});

test("rules between keys, and the files that the engine looked for, are ours to show", () => {
  const twice = `{ "id": "a", "task": "tracking", "format": "got10k-sampled", "path": "b.json", "videos": "v" }`;
  const text = good.replace(/\n {2}\],/, `,\n    ${twice}\n  ],`);
  const engine = found(["data", 1, "path"], "expected an annotation file", { code: "missing-file" });
  const { bySchema, beyondSchema } = checkSpecText(text, [engine]);
  assert.deepEqual(bySchema, []);
  assert.deepEqual(shown(text, beyondSchema), [
    '"data": expected a different id for each dataset',
    '"b.json": expected an annotation file',
  ]);
});

test("a broken rule that the engine tells too is shown once, with the engine's advice", () => {
  const text = good.replace('"rewards": [{ "name": "tiou" }]', '"rewards": []');
  const message = "expected at least one reward for GRPO, found none";
  const engine = found(["rewards"], `${message}. Add one.`);
  assert.deepEqual(shown(text, checkSpecText(text, []).beyondSchema), [`"rewards": ${message}`]);
  assert.deepEqual(shown(text, checkSpecText(text, [engine]).beyondSchema), [`"rewards": ${message}. Add one.`]);
});

test("a mistake that the editor's schema tells gets the engine's quick fixes, and is not told twice", () => {
  const text = good.replace('"rewards"', '"grpo": { "groupSiez": 4 },\n  "rewards"');
  const fix = { title: 'Rename it to "groupSize"', edits: [] };
  const engine = found(["grpo", "groupSiez"], 'unknown key "groupSiez". Did you mean "groupSize"?', { fixes: [fix] });
  const { bySchema, beyondSchema } = checkSpecText(text, [engine]);
  assert.deepEqual(beyondSchema, []);
  assert.deepEqual(bySchema[0]?.fixes, [fix]);
  assert.equal(bySchema[0].message, 'unknown key "groupSiez"');
});

test("a path may name elements of lists; what is named and not there is shown at the beginning", () => {
  const engine = (name: string) => found(["rewards", { named: name }], "constant");
  assert.deepEqual(shown(good, checkSpecText(good, [engine("tiou")]).beyondSchema), ["{: constant"]);
  const placed = placeOnSpec(good, [engine("tiou"), engine("format")]);
  assert.deepEqual(
    placed.map(({ range }) => range.startCharacter),
    [good.split("\n")[7]?.indexOf('{ "name"')],
    "a reward that was taken out has no place",
  );
});

test("text that is no JSON is told by its first wrong place, with any line ends", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const { bySchema } = checkSpecText(`{${end}  "name": ,${end}}`, []);
    assert.equal(problemLine(bySchema[0] ?? assert.fail("no problem")), "line 2: value expected here");
    assert.equal(bySchema[0]?.range.startCharacter, 10);
  }
  assert.notDeepEqual(checkSpecText("", []).bySchema, []);
});

test("a path that leads nowhere is shown at the nearest thing that is there", () => {
  const at = (keys: (string | number)[]) => {
    return shown(good, checkSpecText(good, [found(keys, "here")]).beyondSchema)[0];
  };
  assert.equal(at(["evaluate", "data", 0, "path"]), "{: here");
  assert.equal(at(["data", 0, "limit"]), "{: here");
  assert.equal(at(["policy", "lora", "rank"]), '"policy": here');
  assert.equal(at([]), "{: here");
});

test("the folder of a specification's runs, also while it is being written", () => {
  const spec = path.resolve("/ws/sub/a.rft.json");
  assert.equal(runsFolderOf(spec, good), path.resolve("/ws/sub/runs"));
  assert.equal(runsFolderOf(spec, '{ "runs": "../out", '), path.resolve("/ws/out"));
  assert.equal(runsFolderOf(spec, ""), path.resolve("/ws/sub/runs"));
});
