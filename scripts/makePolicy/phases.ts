/** The cold start, in the order in which things are learnt. */
export interface Phase {
  readonly name: string;
  /** facts: single things to look up; tasks: the tasks in the words of a run, and facts. */
  readonly lessons: "facts" | "tasks";
  readonly steps: number;
  readonly clipsPerStep: number;
  readonly learningRate: number;
  readonly firstScene: number;
}

/** First of all, the vision tower alone: what every visual token shows. */
export const sight = { steps: 900, clipsPerStep: 6, learningRate: 2e-3, firstScene: 0 } as const;

export const phases: readonly Phase[] = [
  { name: "facts", lessons: "facts", steps: 1200, clipsPerStep: 4, learningRate: 1e-3, firstScene: 10_000 },
  { name: "the tasks", lessons: "tasks", steps: 2500, clipsPerStep: 4, learningRate: 6e-4, firstScene: 30_000 },
];
