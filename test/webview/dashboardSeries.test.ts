import assert from "node:assert/strict";
import { test } from "node:test";
import { sectionsOf, type ChartSpec } from "../../webview/dashboard/chartTable.ts";
import { movedStep } from "../../webview/dashboard/cursorKeys.ts";
import {
  chartData,
  countNotPositive,
  evenly,
  nearestStep,
  positiveOnly,
  smooth,
  valueAt,
} from "../../webview/dashboard/series.ts";
import { initialState, maxSmoothing, update } from "../../webview/dashboard/state.ts";
import { formatTick, formatValue } from "../../webview/dashboard/units.ts";
import { sampleRun } from "./dashboardFixture.ts";

const reward: ChartSpec = { source: "curve", key: "reward", title: "", unit: "number", help: "" };
const curve = (steps: number[], values: (number | null)[]) =>
  sampleRun({ curves: { steps, columns: { reward: values } }, evaluations: [] });

test("runs of other steps share one axis: a missing value is a gap, a missing step is none", () => {
  const data = chartData(reward, [curve([1, 2, 4], [1, null, 4]), curve([2, 3], [20, 30])]);
  assert.deepEqual(data.steps, [1, 2, 3, 4]);
  assert.deepEqual(data.runs[0]?.values, [1, null, undefined, 4]);
  assert.deepEqual(data.runs[1]?.values, [undefined, 20, 30, undefined]);
  assert.deepEqual(valueAt(data, 0, null), { step: 4, value: 4 });
  assert.deepEqual(valueAt(data, 1, null), { step: 3, value: 30 });
  assert.equal(valueAt(data, 0, 2), null);
  // A run that does not record the quantity widens no axis.
  assert.deepEqual(chartData({ ...reward, key: "kl" }, [curve([1], [1])]).steps, []);
});

test("smoothing keeps a constant, starts at the first value, and passes over gaps", () => {
  assert.deepEqual(smooth([2, 2, null, undefined, 2], 0.9), [2, 2, null, undefined, 2]);
  const [first, second] = smooth([1, 3], 0.5);
  assert.equal(first, 1);
  assert.ok(Math.abs((second ?? 0) - (0.25 * 1 + 0.5 * 3) / 0.75) < 1e-12);
  const values = [1, 2, 3];
  assert.equal(smooth(values, 0), values);
});

test("a logarithmic axis has values above 0 only", () => {
  assert.deepEqual(positiveOnly([1, 0, -2, null, undefined]), [1, null, null, null, undefined]);
  assert.equal(countNotPositive(chartData(reward, [curve([1, 2, 3], [0, -1, 5])])), 2);
});

test("rows are thinned evenly, with the first and the last", () => {
  assert.deepEqual(evenly(3, 60), [0, 1, 2]);
  assert.deepEqual(evenly(101, 5), [0, 25, 50, 75, 100]);
  assert.equal(nearestStep([0, 30, 60], 38), 30);
  assert.equal(nearestStep([], 1), undefined);
});

test("keys of the cursor stay within the steps", () => {
  const steps = [1, 2, 5];
  assert.deepEqual(
    ["ArrowRight", "ArrowLeft", "Home", "End", "PageUp", "x"].map((key) => movedStep(key, steps, 2)),
    [5, 1, 1, 5, 5, null],
  );
  assert.equal(movedStep("ArrowRight", steps, 5), 5);
});

test("a reward of two datasets has a chart for each; what is not known goes to the end, folded", () => {
  const columns = { reward: [1], "a/reward": [1], "b/reward": [1], custom: [2], empty: [null] };
  const sections = sectionsOf([sampleRun({ curves: { steps: [1], columns }, evaluations: [] })]);
  assert.deepEqual(
    sections.map(({ title, charts, isFolded }) => [title, charts.map((chart) => chart.title), isFolded]),
    [
      ["Reward", ["Mean reward", "Mean reward on a", "Mean reward on b"], false],
      ["Other metrics", ["custom"], true],
    ],
  );
});

test("values are written with their unit, to three digits", () => {
  const texts = [
    formatValue(0.61234, "number"),
    formatValue(-0.5, "number"),
    formatValue(0.125, "share"),
    formatValue(1.46e9, "bytes"),
    formatValue(5.1e8, "bytes"),
    formatValue(0.0000367, "number"),
    formatValue(215.37, "tokensPerSec"),
    formatTick(0.2, "share"),
    formatValue(0, "bytes"),
  ];
  const minus = "\u2212";
  assert.deepEqual(texts, [
    "0.612",
    `${minus}0.5`,
    "12.5 %",
    "1.46 GB",
    "510 MB",
    `3.67e${minus}5`,
    "215 tokens/s",
    "20 %",
    "0",
  ]);
});

test("what an older page has saved is taken as far as it makes sense", () => {
  const { smoothing, scale, view } = initialState({ smoothing: 7, scale: "log", view: 3 });
  assert.deepEqual([smoothing, scale, view], [0, "log", "charts"]);
  const state = initialState(null);
  assert.equal(update(state, { kind: "setSmoothing", smoothing: 5 }).smoothing, maxSmoothing);
  assert.equal(update(state, { kind: "moveCursor", step: null }), state);
});
