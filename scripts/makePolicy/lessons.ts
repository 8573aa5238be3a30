import type { Example } from "../../src/engine/data/example.ts";
import { trackTimestampsSec, clipDurationSec } from "../../src/engine/samples/clip-format.ts";
import { describeScene, objectText } from "../../src/engine/samples/describe.ts";
import { seededRandom, type SeededRandom } from "../../src/engine/samples/random.ts";
import { boxAt, colourAt, isOnScreen, type Scene } from "../../src/engine/samples/scene.ts";
import { tasks } from "../../src/engine/tasks/tasks.ts";
import { formatBox } from "../../src/engine/tasks/tracking/boxes.ts";
import type { BoundingBox, Segment, Truth } from "../../src/protocol/tasks.ts";

/** A question about a clip and the answer that the cold start teaches. */
export interface Lesson {
  readonly prompt: string;
  readonly target: string;
}

/**
 * How loosely the cold start's truth is drawn, as hurried annotators do: segments begin early and end late, boxes have a
 * margin. The policy learns to look, and is left with something that only a reward on exact truth can teach.
 */
export interface Looseness {
  readonly segmentSec: number; // most that either end is moved outwards
  readonly boxMargin: number; // most that a side grows, as a share of the box
}

/** Questions about the whole scene, in the words of the tasks: what the policy is asked later. */
export function taskLessons(scene: Scene, loose: Looseness): { short: Lesson[]; tracks: Lesson[] } {
  const random = seededRandom(scene.seed, scene.index, 2);
  const rows = describeScene(scene, "clip");
  const grounding = rows.grounding.sentences.map((question, i) => {
    const [startSec = 0, endSec = 0] = rows.grounding.timestamps[i] ?? [];
    const segment = looseSegment({ startSec, endSec }, loose, random);
    return lesson(question, { task: "temporal-grounding", segment });
  });
  const groundedQa = rows.groundedQa.map((row) => {
    const [startSec = 0, endSec = 0] = row.glue[0] ?? [];
    const segments = [looseSegment({ startSec, endSec }, loose, random)];
    return lesson(row.question, { task: "grounded-qa", option: letterOf(row.answer), segments }, row.options);
  });
  const choice = rows.choice.map((row) =>
    lesson(row.question, { task: "multiple-choice", option: letterOf(row.answer) }, row.options),
  );
  const tracks = scene.objects.flatMap((_, object) => {
    if (!trackTimestampsSec.every((t) => isOnScreen(scene, object, t))) return [];
    const boxes = trackTimestampsSec.map((timestampSec, i) => {
      const exact = boxAt(scene, object, timestampSec);
      return { timestampSec, box: i === 0 ? exact : looseBox(exact, loose, random) };
    });
    return [lesson(objectText(scene, object), { task: "tracking", boxes })];
  });
  return { short: [...grounding, ...groundedQa, ...choice], tracks };
}

/** What is where at one time: the exercise in looking, in words of its own. */
export function lookingLessons(scene: Scene, timeSec: number, label: number = timeSec): Lesson[] {
  const seen = scene.objects
    .flatMap((_, object) =>
      isOnScreen(scene, object, timeSec) ? [{ object, exact: boxAt(scene, object, timeSec) }] : [],
    )
    // From left to right, so that the order can be seen.
    .sort((a, b) => a.exact.x0 - b.exact.x0)
    .map(({ object, exact }) => ({ text: objectAt(scene, object, timeSec), box: formatBox(coarse(exact)) }));
  const at = `at ${label.toFixed(1)} seconds?`;
  const everything = seen.map(({ text, box }) => `${text} ${box}`).join(", ");
  return [
    { prompt: `What is there ${at}`, target: everything === "" ? "Nothing." : everything },
    ...seen.map(({ text, box }) => ({ prompt: `Where is ${text} ${at}`, target: box })),
    ...seen.map(({ text, box }) => ({ prompt: `What is in ${box} ${at}`, target: text })),
  ];
}

/** Box on a grid of 0.05: twenty choices a number are learnt long before a hundred are. */
function coarse(box: BoundingBox): BoundingBox {
  const grid = (v: number): number => Math.min(1, Math.max(0, Math.round(v * 20) / 20));
  return { x0: grid(box.x0), y0: grid(box.y0), x1: grid(box.x1), y1: grid(box.y1) };
}

/** When something was on the screen, as the grounding task asks. */
export function whenLesson(what: string, segment: Segment): Lesson {
  return lesson(`${what} is on the screen`, { task: "temporal-grounding", segment });
}

/** What is on the screen at a time, as text. */
export function thingsAt(scene: Scene, timeSec: number): string[] {
  return scene.objects.flatMap((_, object) =>
    isOnScreen(scene, object, timeSec) ? [objectAt(scene, object, timeSec)] : [],
  );
}

/** Its colour may be another than its own for a while. */
function objectAt(scene: Scene, object: number, timeSec: number): string {
  return `the ${colourAt(scene, object, timeSec)} ${scene.objects[object]?.shape ?? ""}`;
}

function lesson(question: string, truth: Truth, options?: readonly string[]): Lesson {
  const example: Example = {
    datasetId: "lessons",
    id: "lesson",
    task: truth.task,
    videoPath: "",
    durationSec: clipDurationSec,
    question,
    options: options?.map((option) => option.replace(/^\([A-Z]\) /, "")),
    truth,
    row: null,
  };
  const task = tasks[truth.task];
  return { prompt: task.buildPrompt(example, { think: true }), target: task.buildTarget(example, { think: true }) };
}

function looseSegment({ startSec, endSec }: Segment, { segmentSec }: Looseness, random: SeededRandom): Segment {
  const half = (sec: number): number => Math.round(sec * 2) / 2;
  const start = Math.max(0, half(startSec - random.uniform(0, segmentSec)));
  const end = Math.min(clipDurationSec, half(endSec + random.uniform(0, segmentSec)));
  return { startSec: start, endSec: Math.max(end, start + 0.5) };
}

function looseBox(box: BoundingBox, { boxMargin }: Looseness, random: SeededRandom): BoundingBox {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  const grow = (size: number): number => size * random.uniform(0, boxMargin);
  const within = (v: number): number => Math.min(1, Math.max(0, v));
  return coarse({
    x0: within(box.x0 - grow(width)),
    y0: within(box.y0 - grow(height)),
    x1: within(box.x1 + grow(width)),
    y1: within(box.y1 + grow(height)),
  });
}

function letterOf(answer: string): string {
  return answer.replace(/[()]/g, "");
}
