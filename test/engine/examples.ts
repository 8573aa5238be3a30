import type { Example } from "../../src/engine/data/example.ts";
import { tasks } from "../../src/engine/tasks/tasks.ts";
import type { RewardCompletion, RewardExample, RewardItem } from "../../src/protocol/reward.ts";
import type { Truth } from "../../src/protocol/tasks.ts";

/** Examples for tests, built in memory. */
export function exampleOf(truth: Truth, changes: Partial<Example> = {}): Example {
  return {
    datasetId: "data",
    id: "clip_0",
    task: truth.task,
    videoPath: "clip.mp4",
    durationSec: 20,
    question: "the red circle spins",
    options: ["red", "green", "blue", "black"],
    truth,
    row: null,
    ...changes,
  };
}

export const groundingExample = exampleOf({ task: "temporal-grounding", segment: { startSec: 5, endSec: 10 } });

export const choiceExample = exampleOf({ task: "multiple-choice", option: "C" });

export const groundedQaExample = exampleOf({
  task: "grounded-qa",
  option: "C",
  segments: [{ startSec: 5, endSec: 10 }],
});

export const trackingExample = exampleOf({
  task: "tracking",
  boxes: Array.from({ length: 8 }, (_, i) => ({
    timestampSec: i,
    box: { x0: 0.1 + i * 0.05, y0: 0.2, x1: 0.3 + i * 0.05, y1: 0.4 },
  })),
});

export const classificationExample = exampleOf({ task: "classification", label: "High" });

export const captionExample = exampleOf({
  task: "captioning",
  captions: ["a red circle spins, then a star leaves"],
  events: ["a red circle spins", "a star leaves"],
});

export const openExample = exampleOf({ task: "open", answer: "twice" });

/** An answer as a reward function gets it. */
export function rewardItem(
  text: string,
  example: Example,
  changes: Partial<RewardExample> & { readonly completion?: Partial<RewardCompletion> } = {},
): RewardItem {
  const { completion, ...exampleChanges } = changes;
  return {
    completion: {
      id: "1/0/0",
      text,
      parsed: tasks[example.task].parse(text, example),
      tokenCount: 1,
      finishReason: "eos",
      ...completion,
    },
    example: { ...example, frames: null, prompt: `When? ${example.question}`, think: true, ...exampleChanges },
  };
}
