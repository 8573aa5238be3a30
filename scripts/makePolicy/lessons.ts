import type { Example } from "../../src/engine/data/example.ts";
import { trackTimestampsSec, clipDurationSec } from "../../src/engine/samples/clip-format.ts";
import { describeScene, eventText, objectText } from "../../src/engine/samples/describe.ts";
import type { SeededRandom } from "../../src/engine/samples/random.ts";
import { boxAt, isDuring, isOnScreen, type Scene, type SceneEvent } from "../../src/engine/samples/scene.ts";
import { optionText } from "../../src/engine/tasks/options.ts";
import { tasks } from "../../src/engine/tasks/tasks.ts";
import type { BoundingBox, Segment, TaskId, Truth } from "../../src/protocol/tasks.ts";
import { patchTimesSec } from "./seenTimes.ts";

/** A question about a clip and the answer that the cold start teaches. */
export interface Lesson {
  readonly task: TaskId;
  readonly prompt: string;
  readonly target: string;
}

/**
 * How loosely the truth of a lesson is drawn, as hurried annotators do: segments begin early and end late, boxes have a
 * margin. A policy that has learnt to look is so left with something that only a reward on exact truth can teach.
 */
export interface Looseness {
  readonly segmentSec: number; // most that either end is moved outwards
  readonly boxMargin: number; // most that a side grows, as a share of the box
}

export const exact: Looseness = { segmentSec: 0, boxMargin: 0 };

/** A question with the exact truth, and the event that it is about, if it is about one. */
export interface Question {
  readonly example: Example;
  readonly event: SceneEvent | null;
}

/** Everything that the tasks ask about a scene. */
export function questionsOf(scene: Scene): Question[] {
  const rows = describeScene(scene, "clip");
  const when = scene.events.map((event) => ({
    example: exampleOf(eventText(scene, event), { task: "temporal-grounding", segment: event.segment }),
    event,
  }));
  const groundedQa = rows.groundedQa.map((row, i) => {
    const truth = { task: "grounded-qa", option: letterOf(row.answer), segments: row.glue.map(segmentOf) } as const;
    return { example: exampleOf(row.question, truth, row.options), event: scene.events[i] ?? null };
  });
  const choice = rows.choice.map((row) => ({
    example: exampleOf(row.question, { task: "multiple-choice", option: letterOf(row.answer) }, row.options),
    event: null,
  }));
  return [...when, ...groundedQa, ...choice, ...tracks(scene)];
}

/** One track a thing that is on the screen all the time. */
function tracks(scene: Scene): Question[] {
  return scene.objects.flatMap((_, object) => {
    if (!trackTimestampsSec.every((t) => isOnScreen(scene, object, t))) return [];
    const boxes = trackTimestampsSec.map((timestampSec) => ({ timestampSec, box: boxAt(scene, object, timestampSec) }));
    return [{ example: exampleOf(objectText(scene, object), { task: "tracking", boxes }), event: null }];
  });
}

/** What the cold start teaches for a question. Where it is about an event, the reasoning goes through the clip. */
export function lessonOf(scene: Scene, { example, event }: Question, loose: Looseness, random: SeededRandom): Lesson {
  const task = tasks[example.task];
  const target = task.buildTarget({ ...example, truth: looseTruth(example.truth, loose, random) }, { think: true });
  return {
    task: example.task,
    prompt: task.buildPrompt(example, { think: true }),
    target: event === null ? target : target.replace(/^<think>.*<\/think>/, reasoning(scene, example, event)),
  };
}

function reasoning(scene: Scene, { question, options, truth }: Example, event: SceneEvent): string {
  const answer = truth.task === "grounded-qa" ? ` ${optionText(options ?? [], truth.option)}` : "";
  return `<think>${question}${answer}: ${scan(scene, event).join(" ")}</think>`;
}

/**
 * Goes through a clip and says at each time that the policy sees whether the event is going on: the word for it, or "no".
 * When something happens is then read off what is seen at one time after the other.
 */
export function scan(scene: Scene, event: SceneEvent): string[] {
  const word = {
    "on-screen": scene.objects[event.object]?.shape ?? "",
    spins: "spins",
    turns: event.kind === "turns" ? event.colour : "",
    touches: "touches",
  }[event.kind];
  return patchTimesSec.map((timeSec) => `${timeSec.toFixed(1)} ${isDuring(event.segment, timeSec) ? word : "no"}`);
}

/** Box on a grid of 0.05: twenty choices a number are learnt long before a hundred are. */
export function coarse(box: BoundingBox): BoundingBox {
  const grid = (v: number): number => Math.min(1, Math.max(0, Math.round(v * 20) / 20));
  return { x0: grid(box.x0), y0: grid(box.y0), x1: grid(box.x1), y1: grid(box.y1) };
}

/** Nearest half second: there are two frames a second. */
export function half(sec: number): number {
  return Math.round(sec * 2) / 2;
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
    default:
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

function letterOf(answer: string): string {
  return answer.replace(/[()]/g, "");
}
