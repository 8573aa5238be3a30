import type { BoundingBox, ParsedAnswer, TaskId } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { mean } from "../metrics/statistics.ts";
import { segmentSetIou, tIou } from "../metrics/segments.ts";
import { trackIous } from "../metrics/track.ts";
import { tasks } from "../tasks/tasks.ts";
import { truthOf } from "../tasks/truth.ts";

/**
 * Parsers of published training code, as they read an answer: OpenGVLab/VideoChat-R1 at 73b2ea9. They are here to say which
 * right answers they would not pay for; runs are scored with this program's own parsers.
 */
export interface StrictParser {
  /** File of that repository, and what it reads. */
  readonly name: string;
  readonly task: TaskId;
  /** Metric of the task that says how right an answer is. */
  readonly metric: string;
  /** What the answer would have earned, in [0, 1]. */
  readonly reward: (completion: string, example: Example) => number;
}

export const strictParsers: readonly StrictParser[] = [
  { name: "VideoChat-R1 grpo_tg.py", task: "temporal-grounding", metric: "mIoU", reward: groundingReward },
  { name: "VideoChat-R1 grpo_gqa.py (answer)", task: "grounded-qa", metric: "accuracy", reward: optionReward },
  { name: "VideoChat-R1 grpo_gqa.py (glue)", task: "grounded-qa", metric: "mIoU", reward: glueReward },
  { name: "VideoChat-R1 grpo_qa.py", task: "multiple-choice", metric: "accuracy", reward: optionReward },
  { name: "VideoChat-R1 grpo_tasks.py (tracking)", task: "tracking", metric: "mean_iou", reward: trackReward },
  { name: "VideoChat-R1 grpo_cls.py", task: "classification", metric: "accuracy", reward: labelReward },
];

/** An answer counts as right from here on; what is right or wrong has 1 or 0. */
export const rightFrom = 0.5;

/** Right answers as this program reads them, and how many of them a strict parser gives 0. */
export interface StrictCount {
  readonly right: number;
  readonly rejected: number;
}

/** Counts by the name of the parser, over completions of one example; parsers of other tasks are left out. */
export function countStrict(
  example: Example,
  completions: readonly { readonly text: string; readonly parsed: ParsedAnswer }[],
): ReadonlyMap<string, StrictCount> {
  const task = tasks[example.task];
  const own = strictParsers.filter((parser) => parser.task === example.task);
  return new Map(
    own.map(({ name, metric, reward }) => {
      const right = completions.filter(({ parsed }) => (task.score(parsed, example)[metric] ?? 0) >= rightFrom);
      return [name, { right: right.length, rejected: right.filter(({ text }) => reward(text, example) === 0).length }];
    }),
  );
}

/** The last answer block; in it the last "12.0 to 15.5" or "12.0 and 15.5" with one blank on either side. */
function groundingReward(completion: string, example: Example): number {
  const answer = [...completion.matchAll(/<answer>(.*?)<\/answer>/gs)].at(-1)?.[1];
  const pair = answer === undefined ? undefined : [...answer.matchAll(/(\d+\.?\d*) (to|and) (\d+\.?\d*)/gi)].at(-1);
  if (pair === undefined) return 0;
  const said = { startSec: Number(pair[1]), endSec: Number(pair[3]) };
  return said.startSec > said.endSec ? 0 : tIou(said, truthOf(example, "temporal-grounding").segment);
}

const prefixes = [
  "The best answer is",
  "The correct answer is",
  "The answer is",
  "The answer",
  "The best option is",
  "The correct option is",
  "Best answer:Best option:", // a comma is missing between the two
];

/** The first letter from A to G of the first answer block, wherever it stands, after some beginnings were taken away. */
function optionReward(completion: string, { truth }: Example): number {
  const answer = /<answer>(.*?)<\/answer>/s.exec(completion)?.[1]?.trim();
  if (answer === undefined || !("option" in truth)) return 0;
  const text = prefixes.reduce((rest, prefix) => rest.replaceAll(prefix, ""), answer);
  if (text.split(/\s+/).length > 10 && !/[ABCDEFG]/.test(text)) return 0;
  return Number(/[ABCDEFG]/.exec(text)?.[0] === truth.option);
}

/** The first glue block, which must be a list of pairs without a blank where the pattern has none. */
function glueReward(completion: string, example: Example): number {
  const glue = /<glue>(.*?)<\/glue>/s.exec(completion)?.[1];
  const layout = /^\[(\(\d+(\.\d+)?,\s*\d+(\.\d+)?\)(,\s*\(\d+(\.\d+)?,\s*\d+(\.\d+)?\))*(,)?|)\]$/;
  if (glue === undefined || !layout.test(glue)) return 0;
  const segments = [...glue.matchAll(/\((\d+(?:\.\d+)?),\s*(\d+(?:\.\d+)?)\)/g)].map(([, start, end]) => ({
    startSec: Number(start),
    endSec: Number(end),
  }));
  if (segments.some(({ startSec, endSec }) => startSec > endSec)) return 0;
  return segmentSetIou(segments, truthOf(example, "grounded-qa").segments);
}

/** The first answer block as a Python literal: exactly 8 lists of 4 numbers. */
function trackReward(completion: string, example: Example): number {
  const answer = /<answer>(.*?)<\/answer>/s.exec(completion)?.[1];
  const boxes = answer === undefined ? null : listsOfFour(answer.replaceAll("\n", ""));
  if (boxes?.length !== 8) return 0;
  const truth = truthOf(example, "tracking").boxes.map(({ box }) => box);
  return mean(trackIous(boxes, truth));
}

/** Equal but for case and the white space around it. */
function labelReward(completion: string, example: Example): number {
  const answer = /<answer>(.*?)<\/answer>/s.exec(completion)?.[1];
  return Number(answer?.trim().toLowerCase() === truthOf(example, "classification").label.trim().toLowerCase());
}

const number = String.raw`[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`;
const box = String.raw`\[\s*${number}(?:\s*,\s*${number}){3}\s*,?\s*\]`;
const listOfBoxes = new RegExp(String.raw`^\s*\[\s*${box}(?:\s*,\s*${box})*\s*,?\s*\]\s*$`);

/** What Python's literal_eval makes of a list of lists of 4 numbers; null for tuples, dictionaries and text around it. */
function listsOfFour(text: string): BoundingBox[] | null {
  if (!listOfBoxes.test(text)) return null;
  const numbers = [...text.matchAll(new RegExp(number, "g"))].map(([digits]) => Number(digits));
  return Array.from({ length: numbers.length / 4 }, (_, i) => {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = numbers.slice(4 * i);
    return { x0, y0, x1, y1 };
  });
}
