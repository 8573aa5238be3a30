import type { Example } from "../../src/engine/data/example.ts";
import { trackTimestampsSec, clipDurationSec } from "../../src/engine/samples/clip-format.ts";
import { describeScene, eventText, objectText } from "../../src/engine/samples/describe.ts";
import type { SeededRandom } from "../../src/engine/samples/random.ts";
import { boxAt, colourAt, isDuring, isOnScreen, type Scene, type SceneEvent } from "../../src/engine/samples/scene.ts";
import { tasks } from "../../src/engine/tasks/tasks.ts";
import type { BoundingBox, Segment, TaskId, Truth } from "../../src/protocol/tasks.ts";

/** A question about a clip and the answer that the cold start teaches. */
export interface Lesson {
  readonly task: TaskId;
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

/** When each event of a scene happens, with the exact truth. */
export function groundingExamples(scene: Scene): Example[] {
  return scene.events.map((event) =>
    exampleOf(eventText(scene, event), { task: "temporal-grounding", segment: event.segment }),
  );
}

/** What the cold start teaches about them: to go through the clip before answering. */
export function groundingLessons(scene: Scene, loose: Looseness, random: SeededRandom): Lesson[] {
  return groundingExamples(scene).map((example, i) => {
    const lesson = looseLesson(example, loose, random);
    const event = scene.events[i];
    const seen = event === undefined ? "" : scan(scene, event).join("");
    const think = `<think>${example.question}. ${seen}</think>`;
    return { ...lesson, target: lesson.target.replace(/^<think>.*<\/think>/, think) };
  });
}

/** The other tasks' questions about a scene, with the exact truth. */
export function exactExamples(scene: Scene): Example[] {
  const rows = describeScene(scene, "clip");
  const groundedQa = rows.groundedQa.map((row) => {
    const truth = { task: "grounded-qa", option: letterOf(row.answer), segments: row.glue.map(segmentOf) } as const;
    return exampleOf(row.question, truth, row.options);
  });
  const choice = rows.choice.map((row) =>
    exampleOf(row.question, { task: "multiple-choice", option: letterOf(row.answer) }, row.options),
  );
  return [...groundedQa, ...choice, ...trackExamples(scene)];
}

/** One track a thing that is on the screen all the time. */
function trackExamples(scene: Scene): Example[] {
  return scene.objects.flatMap((_, object) => {
    if (!trackTimestampsSec.every((t) => isOnScreen(scene, object, t))) return [];
    const boxes = trackTimestampsSec.map((timestampSec) => ({ timestampSec, box: boxAt(scene, object, timestampSec) }));
    return [exampleOf(objectText(scene, object), { task: "tracking", boxes })];
  });
}

/** What the cold start teaches for an example: its answer with the truth drawn loosely. */
export function looseLesson(example: Example, loose: Looseness, random: SeededRandom): Lesson {
  return lessonOf({ ...example, truth: looseTruth(example.truth, loose, random) });
}

/**
 * One thing known about a clip. The cue ends with the word that decides the answer, so that what looks it up stands right
 * before it: looking things up is learnt from that, and long before a question several words away is understood.
 */
export interface Fact {
  readonly cue: readonly string[];
  readonly answer: readonly string[];
}

/** Facts of a scene at some of the times that are shown: what has which colour, where it is when, and when it does what. */
export function factsOf(scene: Scene, timesSec: readonly number[], random: SeededRandom): Fact[] {
  const things = scene.objects.map(({ colour, shape }, object) => ({ object, words: [` ${colour}`, ` ${shape}`] }));
  const names = things.flatMap(({ words: [colour = "", shape = ""] }) => [
    { cue: [shape], answer: [colour] },
    { cue: [colour], answer: [shape] },
  ]);
  const where = timesSec.flatMap((timeSec) =>
    things.flatMap(({ object, words: [, shape = ""] }): Fact[] => {
      if (!isOnScreen(scene, object, timeSec)) return [];
      const box = coarse(boxAt(scene, object, timeSec));
      const answer = [box.x0, box.y0, box.x1, box.y1].map((v) => v.toFixed(2));
      const words = [` ${colourAt(scene, object, timeSec)}`, shape];
      const time = timeSec.toFixed(1);
      return [{ cue: random.chance(0.5) ? [...words, time] : [time, ...words], answer }];
    }),
  );
  const when = scene.events.map((event) => ({
    cue: [eventText(scene, event)],
    answer: [
      ...scan(scene, event),
      ...[half(event.segment.startSec), half(event.segment.endSec)].map((t) => t.toFixed(1)),
    ],
  }));
  return random.shuffle([...names, ...when, ...where]);
}

/**
 * Goes through a clip second by second and says at each time whether the event is going on: the word for it, or a stop.
 * When something happens is then read off what is seen at one time after the other.
 */
function scan(scene: Scene, event: SceneEvent): string[] {
  const word = {
    "on-screen": ` ${scene.objects[event.object]?.shape ?? ""}`,
    spins: " spins",
    turns: event.kind === "turns" ? ` ${event.colour}` : "",
    touches: " touches",
  }[event.kind];
  return Array.from({ length: clipDurationSec }, (_, sec) => sec + 0.5).flatMap((timeSec) => [
    timeSec.toFixed(1),
    isDuring(event.segment, timeSec) ? word : ".",
  ]);
}

/** Box on a grid of 0.05: twenty choices a number are learnt long before a hundred are. */
function coarse(box: BoundingBox): BoundingBox {
  const grid = (v: number): number => Math.min(1, Math.max(0, Math.round(v * 20) / 20));
  return { x0: grid(box.x0), y0: grid(box.y0), x1: grid(box.x1), y1: grid(box.y1) };
}

function exampleOf(question: string, truth: Truth, options?: readonly string[]): Example {
  return {
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
}

function lessonOf(example: Example): Lesson {
  const task = tasks[example.task];
  return {
    task: example.task,
    prompt: task.buildPrompt(example, { think: true }),
    target: task.buildTarget(example, { think: true }),
  };
}

function looseTruth(truth: Truth, loose: Looseness, random: SeededRandom): Truth {
  switch (truth.task) {
    case "temporal-grounding":
      return { ...truth, segment: looseSegment(truth.segment, loose, random) };
    case "grounded-qa":
      return { ...truth, segments: truth.segments.map((segment) => looseSegment(segment, loose, random)) };
    case "tracking":
      // The first box is given in the prompt: repeating it is exact.
      return {
        ...truth,
        boxes: truth.boxes.map((b, i) => (i === 0 ? b : { ...b, box: looseBox(b.box, loose, random) })),
      };
    case "multiple-choice":
      return truth;
  }
}

function segmentOf(row: readonly [number, number] | undefined): Segment {
  const [startSec = 0, endSec = 0] = row ?? [];
  return { startSec, endSec };
}

function looseSegment({ startSec, endSec }: Segment, { segmentSec }: Looseness, random: SeededRandom): Segment {
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

function half(sec: number): number {
  return Math.round(sec * 2) / 2;
}

function letterOf(answer: string): string {
  return answer.replace(/[()]/g, "");
}
