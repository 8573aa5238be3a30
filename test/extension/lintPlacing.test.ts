import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { Diagnostic } from "../../src/protocol/diagnostics.ts";
import { annotationFiles, placeFindings, runsToShow } from "../../src/extension/lint/placing.ts";
import { runSummary, trackedRun } from "./records.ts";

const specPath = path.resolve("/ws/shapes.rft.json");
const text = `{
  "name": "shapes",
  "policy": { "model": "policy" },
  "data": [
    { "id": "a", "task": "temporal-grounding", "format": "charades-sta", "path": "data/a.json", "videos": "v" }
  ],
  "rewards": [{ "name": "tiou" }],
  "evaluate": { "data": [
    { "id": "a", "task": "temporal-grounding", "format": "charades-sta", "path": "../test.json", "videos": "v" }
  ] }
}
`;

const finding = (changes: Partial<Diagnostic>): Diagnostic => ({
  code: "kl-runaway",
  severity: "warning",
  message: "",
  place: { kind: "spec", path: ["grpo", "beta"] },
  fixes: [],
  basis: [],
  ...changes,
});

test("findings stand at their key or the nearest one that is there, or in the file that they name", () => {
  const range = { startLine: 7, startCharacter: 0, endLine: 7, endCharacter: 1 };
  const found = placeFindings(specPath, text, [
    finding({ place: { kind: "spec", path: ["rewards", { named: "tiou" }] } }),
    finding({ place: { kind: "spec", path: ["rewards", { named: "gone" }] } }),
    finding({ code: "bad-row", place: { kind: "file", file: "/ws/data/a.json", range } }),
  ]);
  assert.deepEqual([...found.keys()], [specPath, "/ws/data/a.json"]);
  assert.deepEqual(
    found.get(specPath)?.map(({ range: { startLine } }) => startLine),
    [6],
    "a reward that has gone has taken its findings with it",
  );
  assert.deepEqual(found.get("/ws/data/a.json")?.[0]?.range, range);
  assert.equal(found.get("/ws/data/a.json")?.[0]?.specPath, specPath, "its fixes change the specification");
});

test("a finding of a run goes when the specification says otherwise than the run did", () => {
  const countOf = (specText: string, value: number | undefined): number =>
    placeFindings(specPath, specText, [
      finding({ place: { kind: "spec", path: [] }, basis: [{ path: ["grpo", "groupSize"], value }] }),
    ]).get(specPath)?.length ?? 0;
  assert.equal(countOf(text, 8), 1, "8 is the default");
  assert.equal(countOf(text.replace('"name"', '"grpo": { "groupSize": 8 }, "name"'), 8), 1);
  assert.equal(countOf(text.replace('"name"', '"grpo": { "groupSize": 16 }, "name"'), 8), 0);
  assert.equal(countOf(text.replace('"policy"', '"polici"'), 4), 1, "what is no specification says nothing");
});

test("the annotation files of a specification, wherever it names them", () => {
  assert.deepEqual(annotationFiles(specPath, text), [path.resolve("/ws/data/a.json"), path.resolve("/test.json")]);
  assert.deepEqual(annotationFiles(specPath, '{ "data": [{ "path": 3 }, null], "evaluate": 1 '), []);
  assert.deepEqual(annotationFiles(specPath, ""), []);
});

test("each open specification shows its newest run, or the one on the screen", () => {
  const run = (runDir: string, spec: string) => trackedRun({ summary: runSummary({ runDir, specPath: spec }) });
  const runs = [run("/r/new", "/ws/a.rft.json"), run("/r/old", "/ws/a.rft.json"), run("/r/b", "/ws/b.rft.json")];
  const shown = (open: string[], onScreen?: string) =>
    [...runsToShow(runs, open, onScreen)].map(([spec, { summary }]) => `${path.basename(spec)} ${summary.runDir}`);
  assert.deepEqual(shown(["/ws/a.rft.json", "/ws/c.rft.json"]), ["a.rft.json /r/new"]);
  assert.deepEqual(shown(["/ws/a.rft.json"], "/r/old"), ["a.rft.json /r/old"]);
  assert.deepEqual(shown([], "/r/b"), ["b.rft.json /r/b"]);
  assert.deepEqual(shown([]), []);
});
