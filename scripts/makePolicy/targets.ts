import type { Policy } from "../../src/engine/policy/policy.ts";
import { prepareTokens, visualTokensOf, type PreparedPrompt } from "../../src/engine/policy/preparedPrompt.ts";
import { clipFps, clipFrameCount, frameSidePx } from "../../src/engine/samples/clip-format.ts";
import { seededRandom } from "../../src/engine/samples/random.ts";
import { renderScene } from "../../src/engine/samples/render.ts";
import type { Scene } from "../../src/engine/samples/scene.ts";
import type { SftTarget } from "../../src/engine/sft/sftStep.ts";
import type { Clip } from "../../src/engine/video/clip.ts";
import {
  exactExamples,
  factsOf,
  lookingLessons,
  looseLesson,
  type Fact,
  type Lesson,
  type Looseness,
} from "./lessons.ts";
import type { Phase } from "./phases.ts";

/** Longest conversation of one row, in tokens. */
const longestRow = 176;
/** The 16 frames that Qwen's rule picks of a clip. */
export const frameTimesSec = Array.from(
  { length: 16 },
  (_, k) => Math.round((k * (clipFrameCount - 1)) / 15) / clipFps,
);
const halfSeconds = Array.from({ length: 16 }, (_, i) => i / 2);

/** One training target of a scene: its clip and conversations about it. */
export function targetOf(policy: Policy, scene: Scene, lessons: Phase["lessons"], loose: Looseness): SftTarget {
  return lessons === "facts"
    ? factsTarget(policy, scene)
    : rowsTarget(policy, taskClip(scene), turns(policy, taskRows(scene, loose)));
}

/** The 16 frames that Qwen's rule picks of a scene's clip. */
export function taskClip(scene: Scene): Clip {
  return clipAt(scene, frameTimesSec);
}

/** Facts about a stretch of a clip, half of the time with a single thing in it. */
function factsTarget(policy: Policy, scene: Scene): SftTarget {
  const random = seededRandom(scene.seed, scene.index, 4);
  const patches = random.pick([1, 4, 8, 8]);
  const first = random.below(frameTimesSec.length / 2 - patches + 1);
  const shown = frameTimesSec.slice(2 * first, 2 * (first + patches));
  const [startSec = 0, endSec = 0] = [shown[0], shown.at(-1)];
  const times = halfSeconds.filter((t) => t >= startSec - 0.1 && t <= endSec + 0.1);
  const seen = random.chance(0.5) ? aloneIn(scene) : scene;
  const facts = factsOf(patches === 8 ? seen : { ...seen, events: [] }, times, random);
  const rows: Row[] = [];
  for (const fact of facts) {
    const row = rows.at(-1);
    const tokens = tokensOf(policy, fact);
    if (row !== undefined && row.tokens.length + tokens.tokens.length <= longestRow) append(row, tokens);
    else if (rows.length < 3) rows.push({ tokens: [...tokens.tokens], isTarget: [...tokens.isTarget] });
    else break;
  }
  return rowsTarget(policy, clipAt(seen, shown), rows);
}

/** A clip and a cue; the answer comes next. */
export function factPrompt(policy: Policy, scene: Scene, fact: Fact): PreparedPrompt {
  const clip = taskClip(scene);
  return prepareTokens(
    [...videoIds(policy, clip), ...tokensOf(policy, { ...fact, answer: [] }).tokens],
    clip,
    policy.config,
  );
}

function tokensOf({ tokenizer }: Policy, { cue, answer }: Fact): Row {
  const encode = (words: readonly string[]): number[] => words.flatMap((word) => tokenizer.encode(word));
  const [asked, told] = [encode(["\n", ...cue]), encode(answer)];
  return { tokens: [...asked, ...told], isTarget: [...asked.map(() => false), ...told.map(() => true)] };
}

/** The tracking answer alone, the other lessons as turns of one conversation each. */
function taskRows(scene: Scene, loose: Looseness): Lesson[][] {
  const random = seededRandom(scene.seed, scene.index, 4);
  const examples = random.shuffle(exactExamples(scene));
  const [track] = examples.filter((example) => example.task === "tracking");
  const asked = examples.filter((example) => example.task !== "tracking").map((e) => looseLesson(e, loose, random));
  const times = random.shuffle(halfSeconds).slice(0, 6);
  const looking = times.map((timeSec) => random.pick(lookingLessons(scene, timeSec)));
  return [
    track === undefined ? [] : [looseLesson(track, loose, random)],
    asked.slice(0, 2),
    asked.slice(2, 4),
    looking,
  ].filter((row) => row.length > 0);
}

/** The scene with its first thing only. */
export function aloneIn(scene: Scene): Scene {
  return { ...scene, objects: scene.objects.slice(0, 1), events: [] };
}

/** Tokens after the video, and which of them carry loss. */
interface Row {
  readonly tokens: number[];
  readonly isTarget: boolean[];
}

function append(row: Row, { tokens, isTarget }: Row): void {
  row.tokens.push(...tokens);
  row.isTarget.push(...isTarget);
}

/** Conversations of several turns about one clip: only answers carry loss. */
function turns({ tokenizer, config }: Policy, rows: readonly (readonly Lesson[])[]): Row[] {
  const eos = config.eosTokenIds[0] ?? 0;
  return rows.map((lessons) => {
    const row: Row = { tokens: [], isTarget: [] };
    for (const { prompt, target } of lessons) {
      const ids = tokenizer.encodePrompt(prompt, 1);
      const question = ids.slice(afterVideo(ids, config.videoTokenId)); // later turns leave the video out
      const answer = [...tokenizer.encode(target), eos];
      if (row.tokens.length + question.length + answer.length > longestRow) break;
      append(row, { tokens: question, isTarget: question.map(() => false) });
      append(row, { tokens: answer, isTarget: answer.map(() => true) });
    }
    return row;
  });
}

/** The video is the shared prefix of the rows. */
function rowsTarget(policy: Policy, clip: Clip, rows: readonly Row[]): SftTarget {
  return {
    prompt: prepareTokens(videoIds(policy, clip), clip, policy.config),
    tokens_G_T: rows.map((row) => Int32Array.from(row.tokens)),
    isTarget_G_T: rows.map((row) => row.isTarget),
  };
}

/** Tokens of the user turn up to the end of the video. */
function videoIds({ tokenizer, config }: Policy, clip: Clip): number[] {
  const ids = tokenizer.encodePrompt("", visualTokensOf(clip, config));
  return ids.slice(0, afterVideo(ids, config.videoTokenId));
}

/** Where the prefix ends: with the token after the video. */
function afterVideo(ids: readonly number[], videoTokenId: number): number {
  return ids.lastIndexOf(videoTokenId) + 2;
}

/** A clip of the frames at some times; it lasts half a second a frame, as one sampled at 2 fps. */
function clipAt(scene: Scene, timesSec: readonly number[]): Clip {
  const frames = timesSec.length;
  const durationSec = frames / 2;
  const timestampsSec = timesSec.map((_, i) => (i * durationSec) / frames);
  return {
    pixels_FHWC: renderScene(scene, timesSec),
    seen: {
      path: "",
      hash: "",
      durationSec,
      videoFps: clipFps,
      frameIndices: timestampsSec.map((_, i) => i),
      timestampsSec,
      widthPx: frameSidePx,
      heightPx: frameSidePx,
      sourceWidthPx: frameSidePx,
      sourceHeightPx: frameSidePx,
      visualTokens: (frames / 2) * 16,
      frameSet: `${scene.seed}/${scene.index}`,
    },
  };
}
