import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIndex, encodeIndexBlock, type IndexBlock } from "../../src/protocol/rolloutIndex.ts";
import type { RescoreSummary } from "../../src/protocol/rescore.ts";
import type { RewardCoverage } from "../../src/protocol/rewardMessages.ts";
import { coveredLines, rangesText } from "../../src/extension/rewards/coverageTexts.ts";
import { errorPlaces, stackPlace } from "../../src/extension/rewards/errorPlaces.ts";
import { functionPlaces } from "../../src/extension/rewards/functionPlaces.ts";
import { recordedSpread, rolloutsWhere, worstRollouts } from "../../src/extension/rewards/recordedRewards.ts";
import { changeText, isChange, meanText, progressText } from "../../src/extension/rewards/rewardTexts.ts";
import { changeItems } from "../../src/extension/rewards/scoreChanges.ts";
import { completion, groupRecord } from "./rollouts.ts";

function summary(overrides: Partial<RescoreSummary> = {}): RescoreSummary {
  return {
    reward: "overlap",
    version: "abc",
    rollouts: 1200,
    total: 1200,
    before: { mean: 0.62, std: 0.21 },
    after: { mean: 0.62, std: 0.21 },
    changed: 0,
    advantageSignFlips: 0,
    groupsGainingVariance: [],
    groupsLosingVariance: [],
    gainingCount: 0,
    losingCount: 0,
    errors: 0,
    errorExamples: [],
    largest: [],
    worst: [],
    ...overrides,
  };
}

test("a lens says what a save has changed, and no more than there is to say", () => {
  assert.equal(changeText(summary()), "0.620 → 0.620 · 0 of 1,200 changed");
  const changed = summary({
    after: { mean: 12.345, std: 1 },
    changed: 340,
    advantageSignFlips: 1,
    gainingCount: 3,
    losingCount: 1,
    errors: 2,
  });
  assert.equal(
    changeText(changed),
    "0.620 → 12.3 · 340 of 1,200 changed · 1 advantage flips · +3 −1 groups vary · 2 errors",
  );
  assert.equal(meanText(summary({ after: null, errors: 1 })), "no value · 1 error");
  assert.equal(progressText(null), "Scoring…");
  assert.equal(progressText(summary()), "Scoring: 1,200 so far, 0.620 ± 0.210");
  assert.deepEqual([summary(), changed, summary({ errors: 1 }), summary({ before: null })].map(isChange), [
    false,
    true,
    true,
    true,
  ]);
});

test("reward functions are found where they stand, without a language server", () => {
  const typescript = `// export function no(completion) {}
export function first(completion: object) {}
const hidden = (completion) => 1;
export const second = async (
  completion,
  example,
) => 1;
export async function batch(items: readonly Item[]) {}
export const limit = 3;`;
  assert.deepEqual(functionPlaces(typescript, "typescript"), [
    { name: "first", line: 1, takesCompletions: true },
    { name: "second", line: 3, takesCompletions: true },
    { name: "batch", line: 7, takesCompletions: true },
    { name: "limit", line: 8, takesCompletions: false },
  ]);
  const python =
    "import re\n\ndef helper(text):\n    pass\n\ndef reward(completions, **kwargs):\n    pass\n\nclass ORM:\n    pass";
  assert.deepEqual(functionPlaces(python, "python"), [
    { name: "helper", line: 2, takesCompletions: false },
    { name: "reward", line: 5, takesCompletions: true },
    { name: "ORM", line: 8, takesCompletions: false },
  ]);
  assert.equal(functionPlaces(python, "markdown"), null);
});

test("counts stand only where rollouts part", () => {
  const coverage: RewardCoverage = {
    version: "abc",
    ids: ["1/0/0", "1/0/1", "1/0/2"],
    files: [
      {
        file: "/ws/r.ts",
        lines: [
          { line: 1, taken: [0, 1, 2], branches: [] },
          { line: 2, taken: [0, 1, 2], branches: [] },
          { line: 3, taken: [0, 1, 2], branches: [{ start: 4, end: 20, taken: [1] }] },
          { line: 4, taken: [1], branches: [] },
          { line: 5, taken: [], branches: [] },
        ],
      },
    ],
    ranges: [
      { name: "value", min: 0, max: 1, count: 3 },
      { name: "tiou", min: 0.25, max: 0.25, count: 2 },
    ],
  };
  assert.deepEqual(coveredLines(coverage, "/ws/r.ts"), [
    { line: 0, text: "3 of 3", share: 1, ids: coverage.ids, branches: [] },
    {
      line: 2,
      text: "3 of 3 · 1 here",
      share: 1,
      ids: coverage.ids,
      branches: [{ label: "characters 5 to 20", ids: ["1/0/1"] }],
    },
    { line: 3, text: "1 of 3", share: 1 / 3, ids: ["1/0/1"], branches: [] },
    { line: 4, text: "0 of 3", share: 0, ids: [], branches: [] },
  ]);
  assert.deepEqual(coveredLines(coverage, "/ws/other.ts"), []);
  assert.equal(rangesText(coverage), "value 0.000 … 1.000, tiou always 0.250 in 3 rollouts");
});

test("errors stand at the user's innermost line, those without one at the function", () => {
  assert.deepEqual(stackPlace("at overlap (/ws/r.ts:12:9)\nat other (/ws/x.ts:3:1)"), { file: "/ws/r.ts", line: 11 });
  assert.deepEqual(stackPlace("at reward (C:\\ws\\r.py:7)"), { file: "C:\\ws\\r.py", line: 6 });
  assert.equal(stackPlace("timed out"), undefined);
  const thrown = { kind: "exception", message: "boom", stack: "at overlap (/ws/r.ts:12:9)" } as const;
  const examples = [
    { id: "1/0/0", error: thrown },
    { id: "1/0/1", error: { kind: "timeout", message: "took 5 s" } as const },
    { id: "1/0/2", error: thrown },
  ];
  assert.deepEqual(errorPlaces(summary({ errorExamples: examples }), { file: "/ws/r.ts", line: 2 }), [
    { file: "/ws/r.ts", line: 11, message: "exception: boom", ids: ["1/0/0", "1/0/2"] },
    { file: "/ws/r.ts", line: 2, message: "timeout: took 5 s", ids: ["1/0/1"] },
  ]);
});

test("changed rollouts are listed by what is most telling", () => {
  const items = changeItems(
    summary({
      errors: 1,
      errorExamples: [{ id: "2/0/1", error: { kind: "exception", message: "boom" } }],
      changed: 1,
      largest: [{ id: "1/0/3", before: 0.5, after: null }],
      gainingCount: 1,
      groupsGainingVariance: ["1/0"],
      worst: [{ id: "1/0/4", before: 0, after: 0 }],
    }),
  );
  assert.deepEqual(
    items.map(({ section, label, description, id }) => (section ? `# ${label}` : `${label} ${description} → ${id}`)),
    [
      "# 1 error",
      "2/0/1 exception → 2/0/1",
      "# 1 rollout changed, the largest first",
      "1/0/3 0.500 → – → 1/0/3",
      "# 1 group in which rewards differ now",
      "Group 1/0 gains variance → 1/0/0",
      "# lowest values",
      "1/0/4 0.000 → 1/0/4",
    ],
  );
});

/** Blocks of two steps whose rollouts have the given values of two rewards. */
function blocks(...steps: readonly (readonly (readonly [number | null, number])[])[]): readonly IndexBlock[] {
  return steps.flatMap((values, i) => {
    const completions = values.map(([tiou, format], k) =>
      completion(`${i + 1}/0/${k}`, [
        { name: "tiou", value: tiou },
        { name: "format", value: format },
      ]),
    );
    const line = groupRecord({ step: i + 1, group: 0, completions });
    return decodeIndex(encodeIndexBlock(i + 1, [{ line, offset: 0, bytes: 10 }], 10));
  });
}

test("what was recorded of a reward: its spread, its worst rollouts, those where it disagrees with another", () => {
  const run = blocks(
    [
      [0.5, 1],
      [null, 0],
      [0, 1],
    ],
    [
      [1, 1],
      [0, 0],
    ],
  );
  const spread = recordedSpread(run, "tiou");
  assert.equal(spread?.mean, 0.375);
  assert.ok(Math.abs((spread?.std ?? 0) - Math.sqrt((0.125 ** 2 + 2 * 0.375 ** 2 + 0.625 ** 2) / 3)) < 1e-9);
  assert.equal(recordedSpread(run, "other"), null);
  assert.deepEqual(
    worstRollouts(run, "tiou", 3).map(({ id }) => id),
    ["2/0/1", "1/0/2", "1/0/0"], // the newest of equal ones first
  );
  assert.deepEqual(rolloutsWhere(run, { kind: "below", reward: "tiou", value: 0.6 }, 9), ["2/0/1", "1/0/2", "1/0/0"]);
  assert.deepEqual(rolloutsWhere(run, { kind: "disagree", reward: "tiou", other: "format" }, 9), ["1/0/2", "1/0/0"]);
  assert.deepEqual(rolloutsWhere(run, { kind: "error" }, 9), []);
});
