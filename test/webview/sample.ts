import type { CompletionRecord, FailedGroupRecord, GroupRecord, RewardPart } from "../../src/protocol/records.ts";
import type { BoundingBox, ParsedAnswer, TaskId, TimedBox, Truth } from "../../src/protocol/tasks.ts";
import type { ViewerRun } from "../../src/protocol/view.ts";

/** Records as a run writes them, small enough to read; the page's tests show them. */
export const frameCount = 16;
export const timestampsSec = Array.from({ length: frameCount }, (_, index) => Number((index * 0.5 + 0.017).toFixed(3)));
export const attack = `<img src=x onerror="document.body.dataset.attacked=1"><b>bold</b>`;

/** Where the red square of frame `index` is. */
export function squareAt(index: number): BoundingBox {
  const x0 = 0.1 + 0.04 * index;
  return { x0, y0: 0.35, x1: x0 + 0.2, y1: 0.6 };
}

export function sampleRun(change: Partial<ViewerRun> = {}, steps = 42): ViewerRun {
  const rolloutSteps = Array.from({ length: steps }, (_, index) => index + 1);
  return {
    runDir: "/home/ada/shapes/runs/2026-11-22-moving-shapes",
    name: "moving-shapes",
    alive: true,
    rolloutSteps,
    rewards: rolloutSteps.map((step) => 0.4 + 0.9 * (1 - Math.exp(-step / 18)) + 0.08 * Math.sin(step * 2.3)),
    state: {
      version: 1,
      status: "running",
      phase: "sampling",
      step: steps,
      steps: 200,
      updatedAt: "2026-11-22T10:00:00Z",
      reward: 1.2,
      lastCheckpoint: null,
    },
    ...change,
  };
}

export function sampleGroups(
  step: number,
): readonly [GroupRecord, GroupRecord, GroupRecord, GroupRecord, FailedGroupRecord] {
  return [grounding(step), tracking(step), groundedQa(step), choice(step), failed(step)];
}

export const trackTruth: readonly TimedBox[] = Array.from({ length: 8 }, (_, position) => ({
  timestampSec: timestampsSec[2 * position] ?? 0,
  box: squareAt(2 * position),
}));

function grounding(step: number): GroupRecord {
  const truth: Truth = { task: "temporal-grounding", segment: { startSec: 3.1, endSec: 5.2 } };
  const answers: readonly [string, ParsedAnswer, number, number][] = [
    [
      thinking(
        "The square enters around 2.9 s and it touches the wall at 5.0 seconds, so from 3.0 to 5.0.",
        "3.00 to 5.00",
      ),
      segment(3, 5),
      1,
      0.905,
    ],
    [thinking("It starts moving at 1.5 and stops near 00:04.", "1.50 to 4.00"), segment(1.5, 4), 1, 0.243],
    [thinking("The red square moves between 3 and 6 s.", "3.20 to 5.90"), segment(3.2, 5.9), 1, 0.714],
    [
      `<think>${attack} at 2.0 s</think>\n<answer>${attack}</answer>`,
      failedAnswer("temporal-grounding", "no-interval"),
      1,
      0,
    ],
    [
      thinking("The event is late in the video, I guess 6.0 to 7.5 s, well before 40 s.", "6.00 to 7.50"),
      segment(6, 7.5),
      1,
      0,
    ],
    [thinking(longReasoning, "2.80 to 5.20"), segment(2.8, 5.2), 1, 0.875],
    [
      "<think>The square moves to the right and the circle stays where it is. The square moves to the right and the circle stays",
      failedAnswer("temporal-grounding", "no-answer-tag"),
      0,
      0,
    ],
    [thinking("From 5.0 back to 3.0.", "5.00 to 3.00"), failedAnswer("temporal-grounding", "inverted-interval"), 1, 0],
  ];
  const rewards = answers.map(([, , format, tiou]) => [part("format", format), part("tiou", tiou)]);
  const parts = rewards.map((row, k) =>
    answers[k]?.[1].failures.length === 0
      ? row
      : [part("format", row[0]?.value ?? 0), { ...part("tiou", 0), reason: "no segment" }],
  );
  const texts = answers.map(([text, parsed]) => ({ text, parsed }));
  return group(step, 0, "temporal-grounding", "The red square touches the right wall", truth, texts, parts);
}

function tracking(step: number): GroupRecord {
  const answers = Array.from({ length: 8 }, (_, k) => {
    const boxes = trackTruth.map(({ box }, position) => shifted(box, 0.012 * k * position, 0.008 * k));
    const list = boxes.map((box) => `[${[box.x0, box.y0, box.x1, box.y1].map((x) => x.toFixed(2)).join(", ")}]`);
    const text = thinking(
      "The square keeps its size and goes to the right, starting at [0.10, 0.35, 0.30, 0.60].",
      `[${list.join(", ")}]`,
    );
    return { text, parsed: { task: "tracking", boxes, failures: [] } satisfies ParsedAnswer };
  });
  const parts = answers.map((_, k) => [
    part("format", 1),
    { ...part("box-iou", Math.max(0, 1 - 0.11 * k)), weight: 0.5 },
  ]);
  return group(step, 1, "tracking", "the red square", { task: "tracking", boxes: trackTruth }, answers, parts);
}

function groundedQa(step: number): GroupRecord {
  const truth: Truth = {
    task: "grounded-qa",
    option: "B",
    segments: [
      { startSec: 1, endSec: 2.5 },
      { startSec: 5, endSec: 6.5 },
    ],
  };
  const answers = ["B", "B", "A", "C", "B", "D", "B", ""].map((option, k) => {
    const segments = [
      { startSec: 1 + 0.1 * k, endSec: 2.5 + 0.15 * k },
      { startSec: 5 - 0.1 * k, endSec: 6 },
    ];
    const glue = segments.map(({ startSec, endSec }) => `(${startSec.toFixed(1)}, ${endSec.toFixed(1)})`).join(", ");
    const answer = option === "" ? "I do not know" : option;
    const text = `<think>The circle turns blue at 1.0 s.</think><answer>${answer}</answer><glue>[${glue}]</glue>`;
    const failures = option === "" ? (["no-option"] as const) : [];
    return {
      text,
      parsed: { task: "grounded-qa", segments, failures, ...(option === "" ? {} : { option }) } satisfies ParsedAnswer,
    };
  });
  const parts = answers.map(({ parsed }, k) => [
    part("format", 1),
    part("accuracy", "option" in parsed && parsed.option === "B" ? 1 : 0),
    k === 5
      ? { ...part("tiou", null), error: { kind: "timeout", message: "Timed out after 1000 ms" } as const }
      : part("tiou", 0.9 - 0.08 * k),
  ]);
  const record = group(
    step,
    2,
    "grounded-qa",
    "When the circle changes, which colour does it take?",
    truth,
    answers,
    parts,
  );
  return { ...record, options: ["red", "blue", "green", "yellow"] };
}

function choice(step: number): GroupRecord {
  const answers = ["C", "C", "C", "C", "C", "C", "C", "C"].map((option) => ({
    text: `<think>I count the squares: 3.</think><answer>${option}</answer>`,
    parsed: { task: "multiple-choice", option, failures: [] } satisfies ParsedAnswer,
  }));
  const parts = answers.map(() => [part("format", 1), part("accuracy", 1)]);
  const truth: Truth = { task: "multiple-choice", option: "C" };
  const record = group(step, 3, "multiple-choice", "How many squares are there?", truth, answers, parts);
  return { ...record, options: ["1", "2", "3", "4"] };
}

function failed(step: number): FailedGroupRecord {
  return {
    version: 1,
    step,
    group: 4,
    datasetId: "grounding",
    exampleId: "broken_0",
    task: "temporal-grounding",
    failure: {
      code: "bad-video",
      message: "The video cannot be decoded: moov atom not found",
      where: "/home/ada/shapes/videos/broken.mp4",
      hint: "Copy the file again, or set video.onBadVideo.",
    },
  };
}

function group(
  step: number,
  index: number,
  task: TaskId,
  question: string,
  truth: Truth,
  answers: readonly { text: string; parsed: ParsedAnswer }[],
  parts: readonly (readonly RewardPart[])[],
): GroupRecord {
  const rewards = parts.map((row) => row.reduce((sum, { value, weight }) => sum + weight * (value ?? 0), 0));
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const std = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / (rewards.length - 1));
  const completions = answers.map(({ text, parsed }, k): CompletionRecord => {
    const isCut = parsed.failures.includes("no-answer-tag");
    return {
      id: `${step}/${index}/${k}`,
      text,
      tokenCount: isCut ? 96 : Math.round(text.length / 3.5),
      finishReason: isCut ? "length" : "eos",
      parsed,
      rewards: parts[k] ?? [],
      reward: rewards[k] ?? null,
      advantage: ((rewards[k] ?? 0) - mean) / (std + 1e-4),
      meanKl: 0.0123 + 0.001 * k,
      meanEntropy: 0.81 + 0.02 * k,
    };
  });
  return {
    version: 1,
    step,
    group: index,
    datasetId: {
      "temporal-grounding": "grounding",
      tracking: "tracking",
      "grounded-qa": "grounded-qa",
      "multiple-choice": "choice",
      classification: "quality",
      captioning: "captions",
      open: "open",
    }[task],
    exampleId: `clip_${100 + step}_${index}`,
    task,
    prompt: question,
    question,
    think: true,
    durationSec: 8,
    row: null,
    promptTokens: 180,
    video: {
      path: "/home/ada/shapes/videos/clip_142.mp4",
      hash: "ab".repeat(32),
      durationSec: 8,
      videoFps: 25,
      frameIndices: timestampsSec.map((timeSec) => Math.round(timeSec * 25)),
      timestampsSec,
      widthPx: 112,
      heightPx: 112,
      sourceWidthPx: 256,
      sourceHeightPx: 256,
      visualTokens: 128,
      frameSet: "ab".repeat(32),
    },
    truth,
    rewardMean: mean,
    rewardStd: std,
    completions,
  };
}

function thinking(think: string, answer: string): string {
  return `<think>${think}</think>\n<answer>${answer}</answer>`;
}

function segment(startSec: number, endSec: number): ParsedAnswer {
  return { task: "temporal-grounding", segment: { startSec, endSec }, failures: [] };
}

function failedAnswer(task: TaskId, failure: ParsedAnswer["failures"][number]): ParsedAnswer {
  return { task, failures: [failure] };
}

function part(name: string, value: number | null): RewardPart {
  return { name, weight: 1, value };
}

function shifted(box: BoundingBox, dx: number, dy: number): BoundingBox {
  return { x0: box.x0 + dx, y0: box.y0 + dy, x1: Math.min(1, box.x1 + dx), y1: box.y1 + dy };
}

const longReasoning = [
  "First the camera shows a grey room with a red square on the left and a green circle at the top.",
  "At 0.5 s nothing moves. At 1.0 s the circle turns.",
  "Between 1.5 and 2.5 s the square begins to slide, slowly at first.",
  "At 2.8 s the square has left the left half. It is at [0.30, 0.35, 0.50, 0.60] then.",
  "The square reaches the wall at 4.9 s and stays in touch until 5.2 s; then it goes back.",
  "The circle is not asked for. The shadow on the wall is not part of the square either.",
  "So the event, touching the right wall after the approach, lasts from 2.8 to 5.2 seconds.",
].join("\n");
