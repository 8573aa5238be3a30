import path from "node:path";
import type { Example } from "../../../src/engine/data/example.ts";
import { compareEvaluations } from "../../../src/engine/evaluate/compare.ts";
import { buildReport } from "../../../src/engine/report/report.ts";
import type { FramesAt } from "../../../src/engine/report/frames.ts";
import { makeEvaluationRecord } from "../../../src/engine/run/evaluationRecord.ts";
import type { DatasetSpec } from "../../../src/protocol/spec.ts";
import type { EvaluationRecord } from "../../../src/protocol/records.ts";
import { exampleOf } from "../examples.ts";

export const hostileText =
  '</pre><script>document.title="owned"</script><img src="https://example.com/x.png" onerror=alert(1)>';
export const bunny = path.resolve("examples/big-buck-bunny/videos/big-buck-bunny.mp4");

const times = Array.from({ length: 8 }, (_, i) => 1 + 4 * i);
const boxes = times.map((timestampSec, i) => ({
  timestampSec,
  box: { x0: 0.1 + 0.05 * i, y0: 0.3, x1: 0.4 + 0.05 * i, y1: 0.8 },
}));

const grounding = Array.from({ length: 6 }, (_, i) =>
  exampleOf(
    { task: "temporal-grounding", segment: { startSec: 2 * i, endSec: 2 * i + 5 } },
    { datasetId: "grounding", id: `bunny_${i}`, durationSec: 30, question: `a butterfly lands, time ${i}` },
  ),
);
const tracking = [0, 1, 2].map((i) =>
  exampleOf(
    { task: "tracking", boxes },
    { datasetId: "tracking", id: `walk-${i}`, question: "the rabbit", durationSec: 30 },
  ),
);
/** As large as the short videos of Video-MME, so that its published scores apply. */
const choices = Array.from({ length: 1000 }, (_, i) =>
  exampleOf(
    { task: "multiple-choice", option: "ABCD"[i % 4] ?? "A" },
    {
      datasetId: "video-mme",
      id: `q${i}`,
      question: `What is shown at ${i}?`,
      categories: {
        duration: i < 900 ? "short" : i < 950 ? "medium" : "long",
        domain: ["Knowledge", "Sports", "Arts"][i % 3] ?? "",
      },
    },
  ),
);
const examples = [...grounding, ...tracking, ...choices].map((example) => ({ ...example, videoPath: bunny }));

function specOf(id: string, task: DatasetSpec["task"], format: DatasetSpec["format"]): DatasetSpec {
  return { id, task, format, path: `annotations/${id}.json`, videos: "videos", weight: 1 };
}
const specs = [
  specOf("grounding", "temporal-grounding", "charades-sta"),
  specOf("tracking", "tracking", "got10k-sampled"),
  specOf("video-mme", "multiple-choice", "multiple-choice"),
];

/** An evaluation whose answers are a function of the example's place; `skill` of 10 answers are right. */
export function madeEvaluation(skill: number, settings: Record<string, unknown>): Promise<EvaluationRecord> {
  const isRight = (i: number): boolean => (i * 7) % 10 < skill;
  const textOf = new Map(examples.map((example, i) => [example, answerText(example, isRight(i), skill)]));
  const datasets = specs.map(({ id }) => ({
    id,
    examples: examples.filter(({ datasetId }) => datasetId === id),
    problems: [],
    places: new Map(),
    hash: "0".repeat(64),
  }));
  return makeEvaluationRecord({
    judge: null,
    step: 0,
    data: { training: [], evaluation: datasets },
    datasets: specs,
    answerTo: (example) => ({ completions: [{ text: textOf.get(example) ?? "" }] }),
    settings: {
      video: { fps: 2, minFrames: 4, maxFrames: 16, minPixels: 784, maxPixels: 12544, onBadVideo: "skip" },
      ...settings,
    },
  });
}

function answerText(example: Example, isRight: boolean, skill: number): string {
  const { truth, id } = example;
  if (id === "bunny_0") return hostileText;
  const think = `<think>I look at the ${example.question} and compare the frames one after the other.</think>`;
  if (truth.task === "temporal-grounding") {
    const { startSec, endSec } = truth.segment;
    return `${think}<answer>${startSec + (10 - skill) / 2} to ${isRight ? endSec : endSec + 9}</answer>`;
  }
  if (truth.task === "tracking") {
    const moved = truth.boxes.map(({ box }, i) => {
      const by = (isRight ? 0.01 : 0.04) * i;
      return [box.x0 - by / 2, box.y0, box.x1 - by / 2, box.y1].map((v) => Math.max(0, v).toFixed(2)).map(Number);
    });
    return `${think}<answer>${JSON.stringify(moved)}</answer>`;
  }
  if (truth.task !== "multiple-choice") return "";
  return `${think}<answer>${isRight ? truth.option : truth.option === "A" ? "B" : "A"}</answer>`;
}

/** A page about two evaluations, with frames as they are given. */
export async function madeReport(frames: FramesAt): Promise<string> {
  const before = await madeEvaluation(4, { sampling: { temperature: 0 }, policy: { model: "base" } });
  const after = await madeEvaluation(7, { sampling: { temperature: 0.7 }, policy: { model: "trained" } });
  const evaluations = [
    { label: "base", file: "before/evaluation.json", record: before },
    { label: "moving-shapes, step 100", file: "after/evaluation.json", record: after },
  ];
  const comparison = await compareEvaluations(before, after, { resamples: 200 });
  return buildReport({ evaluations, comparison, versions: { videoRft: "0.1.0" } }, frames);
}
