import type { Policy } from "../../src/engine/policy/policy.ts";
import { prepareTokens, type PreparedPrompt } from "../../src/engine/policy/preparedPrompt.ts";
import type { ChatMessage, TurnPart } from "../../src/engine/policy/tokenizer.ts";
import { prepareVisual, visualTokensOf } from "../../src/engine/policy/visuals.ts";
import { clipFps, frameSidePx } from "../../src/engine/samples/clip-format.ts";
import { seededRandom, type SeededRandom } from "../../src/engine/samples/random.ts";
import { renderScene } from "../../src/engine/samples/render.ts";
import type { Scene } from "../../src/engine/samples/scene.ts";
import type { SftTarget } from "../../src/engine/sft/sftStep.ts";
import type { Clip } from "../../src/engine/video/clip.ts";
import { factsOf, letterFacts, type Fact } from "./facts.ts";
import { lessonOf, questionsOf, type Lesson, type Looseness } from "./lessons.ts";
import type { Phase } from "./phases.ts";
import { frameTimesSec } from "./seenTimes.ts";

/** Longest conversation of one row, in tokens. */
const longestRow = 176;
const halfSeconds = Array.from({ length: 16 }, (_, i) => i / 2);

/** One training target of a scene: its clip and conversations about it. */
export function targetOf(policy: Policy, scene: Scene, lessons: Phase["lessons"], loose: Looseness): SftTarget {
  const random = seededRandom(scene.seed, scene.index, 4);
  switch (lessons) {
    case "facts":
      return factsTarget(policy, scene, random);
    case "tasks":
      return tasksTarget(policy, scene, loose, random);
  }
}

/** The 16 frames that Qwen's rule picks of a scene's clip. */
export function taskClip(scene: Scene): Clip {
  return clipAt(scene, frameTimesSec);
}

/** Facts about a stretch of a clip, half of the time with a single thing in it. */
function factsTarget(policy: Policy, scene: Scene, random: SeededRandom): SftTarget {
  const patches = random.pick([1, 4, 8, 8]);
  const first = random.below(frameTimesSec.length / 2 - patches + 1);
  const shown = frameTimesSec.slice(2 * first, 2 * (first + patches));
  const [startSec = 0, endSec = 0] = [shown[0], shown.at(-1)];
  const times = halfSeconds.filter((t) => t >= startSec - 0.1 && t <= endSec + 0.1);
  const isWhole = patches === frameTimesSec.length / 2;
  const seen = !isWhole && random.chance(0.5) ? aloneIn(scene) : scene;
  const facts = factsOf(isWhole ? seen : { ...seen, events: [] }, times, random);
  const letters = factRows(policy, letterFacts(scene, random), 1);
  return rowsTarget(policy, clipAt(seen, shown), [...factRows(policy, facts, 3), ...letters]);
}

/** The tasks, and a row of facts, so that they are not forgotten over the words of the tasks. */
function tasksTarget(policy: Policy, scene: Scene, loose: Looseness, random: SeededRandom): SftTarget {
  const lessons = random.shuffle(questionsOf(scene)).map((question) => lessonOf(scene, question, loose, random));
  const of = (...kinds: string[]): Lesson[] => lessons.filter(({ task }) => kinds.includes(task));
  const rows = turns(policy, [
    of("tracking").slice(0, 1),
    of("temporal-grounding"),
    of("grounded-qa"),
    of("multiple-choice"),
  ]);
  const [facts = [], letters = []] = [factsOf(scene, halfSeconds, random), letterFacts(scene, random)];
  const reminder = factRows(policy, random.chance(0.7) ? facts : letters, 1);
  return rowsTarget(
    policy,
    taskClip(scene),
    [...rows, ...reminder].filter((row) => row.tokens.length > 0),
  );
}

function factRows(policy: Policy, facts: readonly Fact[], most: number): Row[] {
  const rows: Row[] = [];
  for (const fact of facts) {
    const row = rows.at(-1);
    const next = tokensOf(policy, fact);
    if (row !== undefined && row.tokens.length + next.tokens.length <= longestRow) append(row, next);
    else if (rows.length < most) rows.push({ tokens: [...next.tokens], isTarget: [...next.isTarget] });
    else break;
  }
  return rows;
}

/** A clip and a cue; the answer comes next. */
export function factPrompt(policy: Policy, scene: Scene, fact: Fact): PreparedPrompt {
  const clip = taskClip(scene);
  return prepareTokens(
    [...videoIds(policy, clip), ...tokensOf(policy, { ...fact, answer: [] }).tokens],
    [{ kind: "video", clip }],
    policy.config,
  );
}

function tokensOf({ tokenizer }: Policy, { cue, answer }: Fact): Row {
  const encode = (words: readonly string[]): number[] => words.flatMap((word) => tokenizer.encode(word));
  const [asked, told] = [encode(["\n", ...cue]), encode(answer)];
  return { tokens: [...asked, ...told], isTarget: [...asked.map(() => false), ...told.map(() => true)] };
}

/** The scene with its first thing only. */
function aloneIn(scene: Scene): Scene {
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
      const ids = tokenizer.encodePrompt([userTurn(1, prompt)]);
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
    prompt: prepareTokens(videoIds(policy, clip), [{ kind: "video", clip }], policy.config),
    tokens_G_T: rows.map((row) => Int32Array.from(row.tokens)),
    isTarget_G_T: rows.map((row) => row.isTarget),
  };
}

/** Tokens of the user turn up to the end of the video. */
function videoIds({ tokenizer, config }: Policy, clip: Clip): number[] {
  const tokens = visualTokensOf(prepareVisual({ kind: "video", clip }, config), config);
  const ids = tokenizer.encodePrompt([userTurn(tokens, "")]);
  return ids.slice(0, afterVideo(ids, config.videoTokenId));
}

function userTurn(visualTokens: number, text: string): ChatMessage<TurnPart> {
  const video = { kind: "video", tokens: visualTokens, timestamps: null } as const;
  return { role: "user", content: [video, { kind: "text", text }] };
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
