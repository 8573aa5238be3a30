import assert from "node:assert/strict";
import { test } from "node:test";
import { reportPlacesOf, reportTitle } from "../../src/extension/evaluation/reportPlaces.ts";

const dir = "/home/ada/runs/2026-shapes/evaluation";
const everything = (): boolean => true;
const nothing = (): boolean => false;

test("a later evaluation of a run is shown beside the one before training", () => {
  const row = (step: number) => ({
    kind: "evaluation",
    file: `${dir}/step-00000${step}.json`,
    runDir: "/home/ada/runs/2026-shapes",
  });
  assert.deepEqual(reportPlacesOf(row(3), everything), [`${dir}/step-000000.json`, `${dir}/step-000003.json`]);
  assert.deepEqual(reportPlacesOf(row(3), nothing), [`${dir}/step-000003.json`]);
  assert.deepEqual(reportPlacesOf(row(0), everything), [`${dir}/step-000000.json`]);
  assert.deepEqual(reportPlacesOf({ fsPath: "/home/ada/out/evaluation.think.json" }, everything), [
    "/home/ada/out/evaluation.think.json",
  ]);
});

test("anything else is asked for", () => {
  for (const argument of [
    undefined,
    null,
    "file",
    {},
    { kind: "run", file: "/home/ada/runs/a" },
    { kind: "evaluation", file: 3 },
  ]) {
    assert.equal(reportPlacesOf(argument, everything), undefined);
  }
});

test("the panel is named after its folder", () => {
  assert.equal(reportTitle([`${dir}/step-000000.json`, `${dir}/step-000003.json`]), "2026-shapes: step-000003");
  assert.equal(reportTitle(["/home/ada/out/base/evaluation.json"]), "base: evaluation");
});
