import type { Policy } from "../../src/engine/policy/policy.ts";
import { prepareTokens, visualTokensOf } from "../../src/engine/policy/preparedPrompt.ts";
import { clipDurationSec, clipFps, clipFrameCount, frameSidePx } from "../../src/engine/samples/clip-format.ts";
import { seededRandom } from "../../src/engine/samples/random.ts";
import { renderScene } from "../../src/engine/samples/render.ts";
import { makeScene, type Scene } from "../../src/engine/samples/scene.ts";
import type { SftTarget } from "../../src/engine/sft/sftStep.ts";
import type { Clip } from "../../src/engine/video/clip.ts";
import { lookingLessons, taskLessons, thingsAt, whenLesson, type Lesson, type Looseness } from "./lessons.ts";
import type { Phase } from "./phases.ts";

/** Longest conversation of one row, in tokens. */
const longestRow = 176;
/** The 16 frames that Qwen's rule picks of a clip. */
const frameTimesSec = Array.from({ length: 16 }, (_, k) => Math.round((k * (clipFrameCount - 1)) / 15) / clipFps);
/** Two frames make one temporal patch. */
const pairSec = 0.1;
const lastSec = 7.9;

/** One training target of a scene: its clip and conversations about it. */
export function targetOf(policy: Policy, scene: Scene, lessons: Phase["lessons"], loose: Looseness): SftTarget {
  switch (lessons) {
    case "thing":
      return thingTarget(policy, scene);
    case "pictures":
      return pictureTarget(policy, scene);
    case "slides":
      return slideTarget(policy, scene);
    case "clips":
      return packed(policy, clipOf(scene, renderScene(scene, frameTimesSec), clipDurationSec), clipRows(scene, loose));
  }
}

/** Where something is, is learnt before which of several it is. */
function thingTarget(policy: Policy, scene: Scene): SftTarget {
  const alone = { ...scene, objects: scene.objects.slice(0, 1), events: [] };
  const timeSec = seededRandom(scene.seed, scene.index, 7).uniform(0, lastSec);
  const rows = lookingLessons(alone, timeSec, 0).slice(0, 2);
  return packed(policy, clipOf(scene, pairAt(alone, timeSec), 1), [rows]);
}

function pictureTarget(policy: Policy, scene: Scene): SftTarget {
  const timeSec = seededRandom(scene.seed, scene.index, 7).uniform(0, lastSec);
  const random = seededRandom(scene.seed, scene.index, 5);
  const [everything, ...single] = lookingLessons(scene, timeSec, 0);
  const asked = random.shuffle(single);
  const rows = [everything === undefined ? [] : [everything], asked.slice(0, 2), asked.slice(2, 4)];
  return packed(
    policy,
    clipOf(scene, pairAt(scene, timeSec), 1),
    rows.filter((row) => row.length > 0),
  );
}

/** Eight unrelated scenes of a second each in one clip: what is there depends on when, and one pass teaches eight pictures. */
function slideTarget(policy: Policy, first: Scene): SftTarget {
  const slides = Array.from({ length: 8 }, (_, i) => ({
    scene: i === 0 ? first : makeScene(first.seed + 10 + i, first.index),
    timeSec: seededRandom(first.seed, first.index, 10 + i).uniform(0, lastSec),
  }));
  const pixels = Uint8Array.from(Buffer.concat(slides.map(({ scene, timeSec }) => pairAt(scene, timeSec))));
  const things = slides.map(({ scene, timeSec }) => thingsAt(scene, timeSec));
  const turns = slides.map(({ scene, timeSec }, i) => {
    const [everything, ...single] = lookingLessons(scene, timeSec, i);
    const random = seededRandom(first.seed, first.index, 20 + i);
    // A thing of one slide only can be asked the time of.
    const unique = (things[i] ?? []).filter((thing) => things.flat().filter((other) => other === thing).length === 1);
    if (unique.length > 0 && random.chance(0.6)) return whenLesson(random.pick(unique), { startSec: i, endSec: i + 1 });
    return random.chance(0.5) && single.length > 0 ? random.pick(single) : (everything ?? random.pick(single));
  });
  const shuffled = seededRandom(first.seed, first.index, 30).shuffle(turns);
  return packed(
    policy,
    clipOf(first, pixels, clipDurationSec),
    [0, 1, 2, 3].map((r) => shuffled.slice(2 * r, 2 * r + 2)),
  );
}

/** The tracking answer alone, the other lessons as turns of one conversation each. */
function clipRows(scene: Scene, loose: Looseness): Lesson[][] {
  const { short, tracks } = taskLessons(scene, loose);
  const random = seededRandom(scene.seed, scene.index, 4);
  const asked = random.shuffle(short);
  const times = Array.from({ length: 6 }, () => random.below(16) / 2);
  const looking = times.map((timeSec) => random.shuffle(lookingLessons(scene, timeSec)));
  const pick = (lessons: readonly Lesson[], i: number): Lesson[] =>
    lessons.slice(i % lessons.length, (i % lessons.length) + 1);
  return [
    pick(tracks, random.below(16)),
    [...pick(asked, 0), ...pick(asked, 1)],
    [...pick(asked, 2), ...pick(asked, 3)],
    looking.flatMap((lessons) => lessons.slice(0, 1)),
  ];
}

/** Conversations of several turns about one clip: the video is their shared prefix, only answers carry loss. */
function packed(policy: Policy, clip: Clip, rows: readonly (readonly Lesson[])[]): SftTarget {
  const { tokenizer, config } = policy;
  const visualTokens = visualTokensOf(clip, config);
  const eos = config.eosTokenIds[0] ?? 0;
  let prefix: readonly number[] = [];
  const conversations = rows.map((lessons) => {
    const tokens: number[] = [];
    const isTarget: boolean[] = [];
    for (const { prompt, target } of lessons) {
      const ids = tokenizer.encodePrompt(prompt, visualTokens);
      // The prefix ends with the token after the video; later turns leave the video out.
      const split = ids.lastIndexOf(config.videoTokenId) + 2;
      prefix = ids.slice(0, split);
      const question = ids.slice(split);
      const answer = [...tokenizer.encode(target), eos];
      if (tokens.length + question.length + answer.length > longestRow) break;
      tokens.push(...question, ...answer);
      isTarget.push(...question.map(() => false), ...answer.map(() => true));
    }
    return { tokens, isTarget };
  });
  return {
    prompt: prepareTokens(prefix, clip, config),
    tokens_G_T: conversations.map((row) => Int32Array.from(row.tokens)),
    isTarget_G_T: conversations.map((row) => row.isTarget),
  };
}

function pairAt(scene: Scene, timeSec: number): Uint8Array {
  return renderScene(scene, [timeSec, Math.min(lastSec, timeSec + pairSec)]);
}

function clipOf(scene: Scene, pixels_FHWC: Uint8Array, durationSec: number): Clip {
  const frames = pixels_FHWC.length / (3 * frameSidePx ** 2);
  const timestampsSec = Array.from({ length: frames }, (_, i) => (i * durationSec) / frames);
  return {
    pixels_FHWC,
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
