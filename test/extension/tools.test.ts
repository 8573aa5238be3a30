import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIndex, encodeIndexBlock, type IndexBlock } from "../../src/protocol/rolloutIndex.ts";
import { functionText } from "../../src/extension/tools/functionText.ts";
import { queryChanges, queryRollouts } from "../../src/extension/tools/rolloutQuery.ts";
import { changeTable, rolloutTable } from "../../src/extension/tools/toolTexts.ts";
import { completion, groupRecord } from "./rollouts.ts";

type Rewards = readonly [format: number, tiou: number | null];

function block(step: number, groups: readonly { readonly example: string; readonly rewards: readonly Rewards[] }[]) {
  const lines = groups.map(({ example, rewards }, group) => {
    const completions = rewards.map(([format, tiou], k) =>
      completion(`${step}/${group}/${k}`, [
        { name: "format", value: format },
        { name: "tiou", value: tiou },
      ]),
    );
    return { line: groupRecord({ step, group, exampleId: example, completions }), offset: 0, bytes: 1 };
  });
  return decodeIndex(encodeIndexBlock(step, lines, 1));
}

const run: readonly IndexBlock[] = [
  ...block(1, [
    {
      example: "a",
      rewards: [
        [0, 0.5],
        [0, 0.5],
      ],
    },
    {
      example: "b",
      rewards: [
        [0, 0.25],
        [1, null],
      ],
    },
  ]),
  ...block(2, [
    {
      example: "a",
      rewards: [
        [1, 0.5],
        [1, 0.25],
      ],
    },
  ]),
  ...block(3, [
    {
      example: "b",
      rewards: [
        [1, 0.75],
        [1, 0.75],
      ],
    },
    { example: "c", rewards: [[1, 1]] },
  ]),
];

test("rollouts are found by conditions on their rewards, and sorted", () => {
  const disagreeing = queryRollouts(run, {
    columns: ["format", "tiou"],
    where: [
      { column: "format", op: "=", value: 1 },
      { column: "tiou", op: "<", value: 0.6 },
    ],
    sortBy: "tiou",
    ascending: true,
  });
  assert.deepEqual(disagreeing.columns, ["format", "tiou"]);
  assert.deepEqual(
    disagreeing.rows.map(({ id, values }) => [id, ...values]),
    [
      ["2/0/1", 1, 0.25],
      ["2/0/0", 1, 0.5],
    ],
  );
  const best = queryRollouts(run, { columns: ["reward"], limit: 1, steps: { to: 2 } });
  assert.deepEqual([best.rows.map(({ id }) => id), best.found], [["2/0/0"], 6]);
  assert.deepEqual(
    queryRollouts(run, { among: new Set(["1/1/1"]), example: "b" }).rows.map(({ id }) => id),
    ["1/1/1"],
  );
  // A rollout without a value meets no condition on it, and comes last.
  assert.equal(queryRollouts(run, { dataset: "grounding", sortBy: "tiou" }).rows.at(-1)?.id, "1/1/1");
  assert.throws(() => queryRollouts(run, { sortBy: "tIoU" }), /no column "tIoU"; the run has reward, .*, format, tiou/);
});

test("examples that gained reward without a better tIoU are found", () => {
  const answer = queryChanges(run, {
    before: { to: 1 },
    after: { from: 2 },
    by: "example",
    columns: ["reward", "tiou"],
    where: [
      { column: "reward", op: ">", value: 0.05 },
      { column: "tiou", op: "<=", value: 0 },
    ],
  });
  assert.deepEqual(answer.rows, [
    {
      dataset: "grounding",
      example: "a",
      rolloutsBefore: 2,
      rolloutsAfter: 2,
      before: [0.5, 0.5],
      after: [1.375, 0.375],
      idBefore: "1/0/1",
      idAfter: "2/0/1",
    },
  ]);
  assert.match(
    changeTable("/ws/runs/one", answer),
    /\| \[1\/0\/1\]\(rft:\/one\/1\/0\/1\) \| .* \| a \| 2 → 2 \| 0\.5 → 1\.375 \(\+0\.875\) \| 0\.5 → 0\.375 \(−0\.125\) \|/,
  );
  const datasets = queryChanges(run, { before: { to: 1 }, after: { from: 3 }, by: "dataset", columns: ["format"] });
  assert.deepEqual(
    datasets.rows.map(({ example, before, after }) => [example, ...before, ...after]),
    [[null, 0.25, 1]],
  );
});

test("a table says how much there is, and breaks at nothing in it", () => {
  const answer = {
    columns: ["reward"],
    found: 7,
    rows: [{ id: "1/0/0", dataset: "d", example: "a|b", values: [NaN] }],
  };
  assert.equal(
    rolloutTable("/ws/runs/one", answer),
    "7 rollouts, the first 1 are listed.\n\n| rollout | dataset | example | reward |\n| --- | --- | --- | --- |\n" +
      "| [1/0/0](rft:/one/1/0/0) | d | a\\|b | – |",
  );
});

test("a function's text ends where the next one begins", () => {
  const text = "import re\n\ndef one(completions):\n    return 1\n\n\ndef two(completions):\n    return 2\n";
  assert.equal(functionText(text, "one", "python"), "def one(completions):\n    return 1");
  assert.equal(functionText(text, "two", "python"), "def two(completions):\n    return 2");
  assert.equal(functionText(text, "three", "python"), text.trimEnd());
});
