import assert from "node:assert/strict";
import test from "node:test";
import { clipDurationSec } from "../../../src/engine/samples/clip-format.ts";
import { describeScene } from "../../../src/engine/samples/describe.ts";
import { boxAt, makeScene } from "../../../src/engine/samples/scene.ts";

const scenes = Array.from({ length: 300 }, (_, index) => makeScene(7, index));
const rows = scenes.map((scene, k) => describeScene(scene, `clip-${k}`));
type Interval = readonly [number, number];
type Box = readonly [number, number, number, number];

test("rows carry the scene's intervals and boxes", () => {
  rows.forEach((row, k) => {
    const scene = scenes[k];
    assert.ok(scene !== undefined);
    assert.deepEqual(
      row.grounding.timestamps,
      scene.events.map((e) => [e.segment.startSec, e.segment.endSec]),
    );
    assert.equal(new Set(row.grounding.sentences).size, scene.events.length);
    for (const track of row.tracking) {
      assert.equal(track.gt.length, 8);
      assert.equal(track.timestamps[0], 0);
      assert.equal(track.timestamps[7], 63 / 8);
      track.gt.forEach((gt, i) => {
        const { x0, y0, x1, y1 } = boxAt(scene, 0, track.timestamps[i] ?? -1);
        [x0, y0, x1, y1].forEach((v, c) => assert.ok(Math.abs(v - (gt[c] ?? -1)) <= 0.00051));
        assert.ok(gt[0] >= 0 && gt[1] >= 0 && gt[2] <= 1 && gt[3] <= 1 && gt[0] < gt[2] && gt[1] < gt[3]);
      });
    }
  });
});

test("every question has one right answer among different options, and its glue is one of the clip's events", () => {
  for (const row of rows) {
    for (const question of [...row.groundedQa, ...row.choice]) {
      const letters = question.options.map((option) => /^\(([A-E])\) ./.exec(option)?.[1]);
      assert.equal(letters.join(""), "ABCDE".slice(0, question.options.length));
      assert.equal(new Set(question.options.map((o) => o.slice(4))).size, question.options.length);
      assert.ok(question.options.some((o) => o.startsWith(`${question.answer} `)));
    }
    for (const question of row.groundedQa) {
      assert.equal(question.options.length, 5);
      assert.ok(row.grounding.timestamps.some((t) => String(t) === String(question.glue[0])));
    }
    assert.ok(row.choice.every((q) => q.options.length === 4));
    const ids = [...row.groundedQa.map((q) => q.id)];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(new Set(row.choice.map((q) => q.question)).size, 2);
  }
});

test("answers follow from the scene's description", () => {
  rows.forEach((row, k) => {
    const scene = scenes[k];
    for (const question of [...row.choice, ...row.groundedQa]) {
      const text = question.options.find((o) => o.startsWith(question.answer))?.slice(4);
      const ofShape = /^what colour is the (\w+)\?$/.exec(question.question)?.[1];
      if (ofShape !== undefined) assert.equal(text, scene?.objects.find((o) => o.shape === ofShape)?.colour);
      if (question.question.startsWith("how many")) assert.equal(text, String(scene?.objects.length));
      const does = /^what does (the .*) do\?$/.exec(question.question)?.[1];
      const action = text === "comes and goes" ? "is on the screen" : text;
      if (does !== undefined) assert.ok(row.grounding.sentences.includes(`${does} ${action}`));
      const which = /^what (spins|turns \w+|touches .*)\?$/.exec(question.question)?.[1];
      if (which !== undefined) assert.ok(row.grounding.sentences.includes(`${text} ${which}`));
    }
  });
});

test("answers without looking are weak", () => {
  const intervals = rows.flatMap((row) => row.grounding.timestamps);
  const meanIou = (guess: Interval): number => mean(intervals.map((truth) => intervalIou(guess, truth)));
  const fullVideo = meanIou([0, clipDurationSec]);
  assert.ok(fullVideo > 0.27 && fullVideo < 0.35, `full video ${fullVideo}`);
  let best = 0;
  for (let start = 0; start < 8; start += 0.25) {
    for (let end = start + 0.25; end <= 8; end += 0.25) best = Math.max(best, meanIou([start, end]));
  }
  assert.ok(best < 0.4, `best constant ${best}`);
  const tracks = rows.flatMap((row) => row.tracking);
  const copies = tracks.map((track) => mean(track.gt.map((box) => boxIou(track.gt[0] ?? [0, 0, 0, 0], box))));
  assert.ok(mean(copies) < 0.3, `first box copied ${mean(copies)}`);
});

test("no letter is a good guess", () => {
  for (const [questions, count] of [
    [rows.flatMap((r) => r.groundedQa), 5],
    [rows.flatMap((r) => r.choice), 4],
  ] as const) {
    for (const letter of "ABCDE".slice(0, count)) {
      const share = mean(questions.map((q) => (q.answer === `(${letter})` ? 1 : 0)));
      assert.ok(Math.abs(share - 1 / count) < 0.04, `${letter}: ${share}`);
    }
  }
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

function intervalIou(a: Interval, b: Interval): number {
  const inside = Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]));
  return inside / (a[1] - a[0] + b[1] - b[0] - inside);
}

function boxIou(a: Box, b: Box): number {
  const inside =
    Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside);
}
