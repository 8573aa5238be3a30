import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpecEdit } from "../../src/protocol/diagnostics.ts";
import { editBetween, fixedText } from "../../src/extension/lint/specFixes.ts";

const spec = `{
  // what it is
  "name": "shapes",
  "rewards": [
    { "name": "format" }, // the form
    { "name": "tiou", "weight": 2 }
  ],
  "grpo": { "groupSize": 8 }
}
`;

const fix = (...edits: SpecEdit[]) => ({ title: "", edits });
/** Lines that a fix changes, removes or adds. */
function changedLines(text: string, ...edits: SpecEdit[]): string[] {
  const after = fixedText(text, fix(...edits)) ?? assert.fail("the fix does not fit");
  const before = new Set(text.split("\n"));
  return after.split("\n").filter((line) => !before.has(line));
}

test("a value is set where it is, or where it has to be made", () => {
  assert.deepEqual(changedLines(spec, { kind: "set", path: ["grpo", "groupSize"], value: 16 }), [
    '  "grpo": { "groupSize": 16 }',
  ]);
  const made = fixedText(spec, fix({ kind: "set", path: ["video", "fps"], value: 4 })) ?? "";
  assert.deepEqual((JSON.parse(made.replace(/\/\/.*/g, "")) as { video: unknown }).video, { fps: 4 });
  assert.ok(made.includes("// what it is") && made.includes("// the form"), "comments stay");
});

test("an element of a list is found by its name", () => {
  const weight = ["rewards", { named: "tiou" }, "weight"];
  assert.deepEqual(changedLines(spec, { kind: "set", path: weight, value: 1 }), [
    '    { "name": "tiou", "weight": 1 }',
  ]);
  const removed = fixedText(spec, fix({ kind: "remove", path: ["rewards", { named: "tiou" }] })) ?? "";
  assert.ok(!removed.includes("tiou") && removed.includes('"format"'));
  assert.equal(fixedText(spec, fix({ kind: "set", path: ["rewards", { named: "gone" }, "weight"], value: 1 })), null);
  assert.equal(fixedText(spec, fix({ kind: "remove", path: ["grpo", "beta"] })), null);
});

test("an element is added to a list, which is made where there is none", () => {
  const added = fixedText(spec, fix({ kind: "add", path: ["rewards"], value: { name: "accuracy" } })) ?? "";
  const names = (text: string) => [...text.matchAll(/"name": "(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual(names(added), ["shapes", "format", "tiou", "accuracy"]);
  const tasks = fixedText(spec, fix({ kind: "add", path: ["rewards", 0, "tasks"], value: "tracking" })) ?? "";
  assert.match(tasks, /"tasks": \[\s*"tracking"\s*\]/);
  assert.equal(fixedText(spec, fix({ kind: "add", path: ["name"], value: 1 })), null);
});

test("a key is renamed, and several edits of a fix are made one after the other", () => {
  const typo = spec.replace('"groupSize"', '"num_generations"');
  assert.deepEqual(changedLines(typo, { kind: "rename", path: ["grpo", "num_generations"], key: "groupSize" }), [
    '  "grpo": { "groupSize": 8 }',
  ]);
  const both = changedLines(
    spec,
    { kind: "set", path: ["grpo", "groupSize"], value: 4 },
    { kind: "set", path: ["name"], value: "small" },
  );
  assert.deepEqual(both, ['  "name": "small",', '  "grpo": { "groupSize": 4 }']);
  assert.equal(fixedText("", fix({ kind: "set", path: ["name"], value: 1 })), null);
});

test("the layout of the text is kept: tabs, four blanks, CRLF", () => {
  const set: SpecEdit = { kind: "set", path: ["grpo", "beta"], value: 0 };
  assert.match(fixedText('{\n\t"grpo": {\n\t\t"groupSize": 8\n\t}\n}', fix(set)) ?? "", /\n\t\t"beta": 0\n\t}/);
  assert.match(fixedText('{\n    "grpo": {\n        "groupSize": 8\n    }\n}', fix(set)) ?? "", /\n {8}"beta": 0\n/);
  const windows = fixedText('{\r\n  "grpo": {\r\n    "groupSize": 8\r\n  }\r\n}', fix(set)) ?? "";
  assert.ok(windows.includes('"beta": 0') && !/[^\r]\n/.test(windows));
});

test("the edit between two texts is as short as it can be", () => {
  const applied = (before: string, after: string): string => {
    const edit = editBetween(before, after) ?? assert.fail("they are the same");
    return before.slice(0, edit.start) + edit.text + before.slice(edit.end);
  };
  for (const [before = "", after = ""] of [
    ["abc", "abd"],
    ["aaa", "aa"],
    ["aa", "aaa"],
    ["", "x"],
    ["x", ""],
    ["abab", "ab"],
  ]) {
    assert.equal(applied(before, after), after);
  }
  assert.deepEqual(editBetween('"a": 8,', '"a": 16,'), { start: 5, end: 6, text: "16" });
  assert.equal(editBetween("same", "same"), null);
});
