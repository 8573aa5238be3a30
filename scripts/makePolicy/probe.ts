import { boxIou } from "../../src/engine/metrics/boxes.ts";
import { tIou } from "../../src/engine/metrics/segments.ts";
import type { Policy } from "../../src/engine/policy/policy.ts";
import { preparePrompt } from "../../src/engine/policy/preparedPrompt.ts";
import { sampleGroups } from "../../src/engine/rollout/sampler.ts";
import { clipDurationSec } from "../../src/engine/samples/clip-format.ts";
import { seededRandom } from "../../src/engine/samples/random.ts";
import { makeScene, type Scene } from "../../src/engine/samples/scene.ts";
import { tasks } from "../../src/engine/tasks/tasks.ts";
import type { Clip } from "../../src/engine/video/clip.ts";
import type { Phase } from "./phases.ts";
import { factsOf, letterFacts } from "./facts.ts";
import { questionsOf } from "./lessons.ts";
import { patchTimesSec } from "./seenTimes.ts";
import { factPrompt, taskClip } from "./targets.ts";

/**
 * What a policy can see, on scenes that it was not taught. The loss does not tell: templates and habits make it small long
 * before the video is looked at. Means over greedy answers, all against the exact truth:
 * - name, when, box: facts in the words that they are taught in
 * - metrics of the tasks, once the policy has been taught them
 */
export async function probe(policy: Policy, seed: number, phase: Phase["lessons"]): Promise<Record<string, number>> {
  const scenes = Array.from({ length: 40 }, (_, i) => makeScene(seed, i));
  const scores = await askFacts(policy, scenes);
  if (phase === "facts") return scores;
  const examples = scenes.flatMap((scene) =>
    questionsOf(scene).map(({ example }) => ({ example, clip: taskClip(scene) })),
  );
  const prompts = examples.map(({ example, clip }) => ({
    text: tasks[example.task].buildPrompt(example, { think: true }),
    clip,
  }));
  const answers = await ask(policy, prompts);
  const sums = new Map<string, number[]>();
  examples.forEach(({ example }, i) => {
    const task = tasks[example.task];
    for (const [metric, value] of Object.entries(task.score(task.parse(answers[i] ?? "", example), example))) {
      const key = `${example.task}/${metric}`;
      sums.set(key, [...(sums.get(key) ?? []), value]);
    }
  });
  for (const key of ["temporal-grounding/mIoU", "tracking/ao", "grounded-qa/accuracy", "multiple-choice/accuracy"]) {
    scores[key] = mean(sums.get(key) ?? []);
  }
  return scores;
}

async function ask(policy: Policy, prompts: readonly { text: string; clip: Clip }[]): Promise<string[]> {
  const texts: string[] = [];
  for (let start = 0; start < prompts.length; start += 16) {
    const requests = prompts
      .slice(start, start + 16)
      .map(({ text, clip }, i) => ({ prompt: preparePrompt(text, clip, policy.tokenizer, policy.config), seed: i }));
    const options = { groupSize: 1, temperature: 0, topP: 1, topK: 0, maxCompletionLength: 96 };
    const groups = await sampleGroups(policy, requests, options);
    texts.push(...groups.map(([completion]) => policy.tokenizer.decode([...(completion?.tokens_T ?? [])])));
  }
  return texts;
}

/** Facts in the words that they are taught in: share of right names and letters, and IoU of boxes and segments. */
async function askFacts(policy: Policy, scenes: readonly Scene[]): Promise<Record<string, number>> {
  const asked = scenes.flatMap((scene, i) => {
    const random = seededRandom(scene.seed, scene.index, 3);
    const facts = [...factsOf(scene, [(i % clipDurationSec) + 0.5], random), ...letterFacts(scene, random)];
    return (["name", "box", "when", "letter"] as const).flatMap((kind) => {
      const fact = facts.find((f) => f.kind === kind);
      return fact === undefined ? [] : [{ fact, prompt: factPrompt(policy, scene, fact) }];
    });
  });
  const options = { groupSize: 1, temperature: 0, topP: 1, topK: 0, maxCompletionLength: 2 * patchTimesSec.length + 2 };
  const groups = await sampleGroups(
    policy,
    asked.map(({ prompt }, seed) => ({ prompt, seed })),
    options,
  );
  const scores = new Map<string, number[]>();
  const add = (name: string, score: number): void => void scores.set(name, [...(scores.get(name) ?? []), score]);
  asked.forEach(({ fact }, i) => {
    const { kind, answer } = fact;
    const expected = answer.flatMap((piece) => policy.tokenizer.encode(piece));
    const said = [...(groups[i]?.[0]?.tokens_T ?? [])].slice(0, expected.length);
    if (kind === "name" || kind === "letter") return add(kind, Number(said[0] === expected[0]));
    const told = kind === "when" ? 2 * patchTimesSec.length : 0; // a segment comes after a scan
    const numbers = (tokens: readonly number[]): number[] =>
      tokens.slice(told).map((id) => Number(policy.tokenizer.decode([id])));
    add(kind, overlap(numbers(said), numbers(expected)));
    const seen = expected.slice(0, told).map((id, k) => Number(id === said[k]));
    if (kind === "when") add(`scan ${fact.cue[0]?.split(" ")[3] ?? ""}`, mean(seen.filter((_, k) => k % 2 === 1)));
  });
  return Object.fromEntries([...scores].map(([name, values]) => [name, mean(values)]));
}

/** IoU of two segments (start, end) or two boxes (x0, y0, x1, y1). */
function overlap(a: readonly number[], b: readonly number[]): number {
  const [a0 = NaN, a1 = NaN, a2 = NaN, a3 = NaN] = a;
  const [b0 = NaN, b1 = NaN, b2 = NaN, b3 = NaN] = b;
  const iou =
    b.length === 2
      ? tIou({ startSec: a0, endSec: a1 }, { startSec: b0, endSec: b1 })
      : boxIou({ x0: a0, y0: a1, x1: a2, y1: a3 }, { x0: b0, y0: b1, x1: b2, y1: b3 });
  return Number.isFinite(iou) ? Math.max(0, iou) : 0;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}
