import { clipDurationSec, trackTimestampsSec } from "./clip-format.ts";
import { elementAt, seededRandom } from "./random.ts";
import type { SeededRandom } from "./random.ts";
import { boxAt, eventsOf } from "./scene.ts";
import type { Scene, SceneEvent } from "./scene.ts";
import { colourNames, shapeNames } from "./shapes.ts";

/** Value of a video in the layout charades-sta. Seconds; the k-th sentence happens in the k-th interval. */
export interface GroundingRow {
  readonly duration: number;
  readonly timestamps: readonly (readonly [number, number])[];
  readonly sentences: readonly string[];
}

/** Row of the layout got10k-sampled, with two further keys. `gt`: normalised xyxy at each of `timestamps` (seconds). */
export interface TrackingRow {
  readonly path: string;
  readonly object: string;
  readonly gt: readonly (readonly [number, number, number, number])[];
  readonly timestamps: readonly number[];
  readonly duration: number;
}

/** Row of the layout nextgqa. `glue`: intervals in seconds in which the answer can be seen. */
export interface GroundedQaRow {
  readonly id: string;
  readonly video: string;
  readonly question: string;
  readonly options: readonly string[];
  readonly duration: number;
  readonly glue: readonly (readonly [number, number])[];
  readonly type: string;
  readonly answer: string;
}

/** Row of the layout multiple-choice. */
export interface ChoiceRow {
  readonly id: string;
  readonly video: string;
  readonly question: string;
  readonly options: readonly string[];
  readonly answer: string;
  readonly duration: number;
}

export interface SceneRows {
  readonly grounding: GroundingRow;
  readonly tracking: readonly TrackingRow[];
  readonly groundedQa: readonly GroundedQaRow[];
  readonly choice: readonly ChoiceRow[];
}

/**
 * Everything that is asked about a scene, with the exact truth. Times are rounded to 0.01 s, boxes to 0.001.
 * @param name of the clip without its ending, e.g. "train-0001"; it goes into the rows' ids and file names.
 */
export function describeScene(scene: Scene, name: string): SceneRows {
  const random = seededRandom(scene.seed, scene.index, 1);
  const video = `${name}.mp4`;
  return {
    grounding: {
      duration: clipDurationSec,
      timestamps: scene.events.map((e) => intervalOf(e)),
      sentences: scene.events.map((e) => eventText(scene, e)),
    },
    tracking: [trackingRow(scene, video)],
    groundedQa: groundedQuestions(scene, random).map((q, k) => ({
      id: `${name}_${k}`,
      video,
      question: q.question,
      ...lettered(q, (scene.index + 2 * k) % 5),
      duration: clipDurationSec,
      glue: [intervalOf(q.event)],
      type: q.type,
    })),
    choice: choiceQuestions(scene, random).map((q, k) => ({
      id: `${name}_${k}`,
      video,
      question: q.question,
      ...lettered(q, (scene.index + 2 * k) % 4),
      duration: clipDurationSec,
    })),
  };
}

/** "the red circle": no other object of the scene has this colour or this shape. */
export function objectText(scene: Scene, object: number): string {
  const { colour, shape } = elementAt(scene.objects, object);
  return `the ${colour} ${shape}`;
}

interface Question {
  readonly question: string;
  readonly right: string;
  readonly wrong: readonly string[];
}

interface GroundedQuestion extends Question {
  readonly event: SceneEvent;
  readonly type: string;
}

/** "the red circle spins" */
export function eventText(scene: Scene, event: SceneEvent): string {
  return `${objectText(scene, event.object)} ${actionText(scene, event)}`;
}

function actionText(scene: Scene, event: SceneEvent): string {
  switch (event.kind) {
    case "on-screen":
      return "is on the screen";
    case "spins":
      return "spins";
    case "turns":
      return `turns ${event.colour}`;
    case "touches":
      return `touches ${objectText(scene, event.other)}`;
  }
}

function trackingRow(scene: Scene, video: string): TrackingRow {
  return {
    path: video,
    object: objectText(scene, 0),
    gt: trackTimestampsSec.map((t) => {
      const { x0, y0, x1, y1 } = boxAt(scene, 0, t);
      return [thousandths(x0), thousandths(y0), thousandths(x1), thousandths(y1)] as const;
    }),
    timestamps: trackTimestampsSec,
    duration: clipDurationSec,
  };
}

/** One question an event: what an object does, which object does it, or which colour it turns. Five options. */
function groundedQuestions(scene: Scene, random: SeededRandom): GroundedQuestion[] {
  return scene.events.map((event) => {
    const draws: (() => GroundedQuestion)[] = [() => whichQuestion(scene, event, random)];
    if (eventsOf(scene, event.object).length === 1) draws.push(() => actionQuestion(scene, event, random));
    if (event.kind === "turns") draws.push(() => turnedColourQuestion(scene, event, random));
    return random.pick(draws)();
  });
}

function actionQuestion(scene: Scene, event: SceneEvent, random: SeededRandom): GroundedQuestion {
  const own = elementAt(scene.objects, event.object).colour;
  const colours = random.shuffle(colourNames.filter((c) => c !== own));
  const turned = event.kind === "turns" ? [event.colour, ...colours.filter((c) => c !== event.colour)] : colours;
  const other = event.kind === "touches" ? event.other : (event.object + 1) % scene.objects.length;
  const actions = [
    "spins",
    `turns ${elementAt(turned, 0)}`,
    `turns ${elementAt(turned, 1)}`,
    `touches ${objectText(scene, other)}`,
    "comes and goes",
  ];
  const right = event.kind === "on-screen" ? "comes and goes" : actionText(scene, event);
  const wrong = random.shuffle(actions.filter((a) => a !== right));
  return { question: `what does ${objectText(scene, event.object)} do?`, right, wrong, event, type: "action" };
}

function whichQuestion(scene: Scene, event: SceneEvent, random: SeededRandom): GroundedQuestion {
  const right = objectText(scene, event.object);
  const excluded = event.kind === "touches" ? event.other : -1;
  const others = scene.objects
    .map((_, k) => objectText(scene, k))
    .filter((_, k) => k !== event.object && k !== excluded);
  const absent = random
    .shuffle(colourNames)
    .map((colour) => `the ${colour} ${random.pick(shapeNames)}`)
    .filter(
      (text) => text !== right && !others.includes(text) && (excluded < 0 || text !== objectText(scene, excluded)),
    );
  const action = event.kind === "on-screen" ? "comes and goes" : actionText(scene, event);
  const wrong = random.shuffle([...others, ...absent].slice(0, 4));
  return { question: `what ${action}?`, right, wrong, event, type: "object" };
}

function turnedColourQuestion(
  scene: Scene,
  event: SceneEvent & { readonly kind: "turns" },
  random: SeededRandom,
): GroundedQuestion {
  const own = elementAt(scene.objects, event.object).colour;
  return {
    question: `what colour does ${objectText(scene, event.object)} turn?`,
    right: event.colour,
    wrong: random.shuffle(colourNames.filter((c) => c !== own && c !== event.colour)),
    event,
    type: "colour",
  };
}

/** Two questions of different kinds about a clip, with four options each. */
function choiceQuestions(scene: Scene, random: SeededRandom): Question[] {
  const questions: Question[] = [colourQuestion(scene, random), countQuestion(scene, random)];
  const event = random.pick(scene.events);
  const { shape } = elementAt(scene.objects, event.object);
  const action = event.kind === "on-screen" ? "comes and goes" : actionText(scene, event);
  questions.push({
    question: `which shape ${action}?`,
    right: shape,
    wrong: random.shuffle(shapeNames.filter((s) => s !== shape)),
  });
  // Counts are guessed too easily (two or three) to be asked as often as the others.
  const kept = random.chance(0.7) ? [0, 2] : [random.pick([0, 2]), 1];
  return kept.map((k) => elementAt(questions, k));
}

function colourQuestion(scene: Scene, random: SeededRandom): Question {
  const steady = scene.objects.filter((_, k) => scene.events.every((e) => e.kind !== "turns" || e.object !== k));
  const object = random.pick(steady);
  const shown = scene.objects.map((o) => o.colour).filter((c) => c !== object.colour);
  const absent = random.shuffle(colourNames.filter((c) => c !== object.colour && !shown.includes(c)));
  const wrong = random.shuffle([...shown, ...absent].slice(0, 3));
  return { question: `what colour is the ${object.shape}?`, right: object.colour, wrong };
}

function countQuestion(scene: Scene, random: SeededRandom): Question {
  const right = String(scene.objects.length);
  return {
    question: "how many different shapes are in the video?",
    right,
    wrong: random.shuffle(["1", "2", "3", "4"].filter((n) => n !== right)),
  };
}

/** "(A) …" options with the right one at `position`. Positions take turns over the clips, so no letter is a good guess. */
function lettered(question: Question, position: number): { options: string[]; answer: string } {
  const texts = [...question.wrong];
  texts.splice(position, 0, question.right);
  return {
    options: texts.map((text, k) => `(${letterOf(k)}) ${text}`),
    answer: `(${letterOf(position)})`,
  };
}

function letterOf(position: number): string {
  return String.fromCharCode(65 + position);
}

function intervalOf(event: SceneEvent): readonly [number, number] {
  return [event.segment.startSec, event.segment.endSec];
}

function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
