import { exact, type Looseness } from "./lessons.ts";

/** The cold start, in the order in which things are learnt. */
export interface Phase {
  readonly name: string;
  /** facts: single things to look up; tasks: the tasks in the words of a run, and facts. */
  readonly lessons: "facts" | "tasks";
  readonly looseness: Looseness;
  readonly steps: number;
  /** Steps of the cosine decay of the learning rate: more than `steps` where the next phase goes on from there. */
  readonly decaySteps: number;
  readonly clipsPerStep: number;
  readonly learningRate: number;
  readonly firstScene: number;
}

/** First of all, the vision tower alone: what every visual token shows. */
export const sight = { name: "sight", steps: 4000, decaySteps: 4000, clipsPerStep: 6, learningRate: 3e-3 } as const;

export const phases: readonly Phase[] = [
  {
    name: "facts",
    lessons: "facts",
    looseness: exact,
    steps: 1500,
    decaySteps: 1500,
    clipsPerStep: 4,
    learningRate: 1e-3,
    firstScene: 200_000,
  },
  {
    name: "tasks",
    lessons: "tasks",
    looseness: exact,
    steps: 1000,
    decaySteps: 2000,
    clipsPerStep: 4,
    learningRate: 8e-4,
    firstScene: 300_000,
  },
  {
    name: "loose tasks",
    lessons: "tasks",
    looseness: { segmentSec: 2.5, boxMargin: 0.3 },
    steps: 300,
    decaySteps: 300,
    clipsPerStep: 4,
    learningRate: 3e-4,
    firstScene: 400_000,
  },
];
