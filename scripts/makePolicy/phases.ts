/** The cold start, in the order in which things are learnt. */
export interface Phase {
  readonly name: string;
  /**
   * thing: a single object at one moment; pictures: all objects at one moment; slides: eight unrelated moments in a clip;
   * clips: the tasks, and looking at times.
   */
  readonly lessons: "thing" | "pictures" | "slides" | "clips";
  readonly steps: number;
  readonly clipsPerStep: number;
  readonly learningRate: number;
  readonly firstScene: number;
}

export const phases: readonly Phase[] = [
  { name: "one thing", lessons: "thing", steps: 700, clipsPerStep: 8, learningRate: 1e-3, firstScene: 0 },
  { name: "several things", lessons: "pictures", steps: 450, clipsPerStep: 8, learningRate: 1e-3, firstScene: 10_000 },
  { name: "when", lessons: "slides", steps: 700, clipsPerStep: 3, learningRate: 1e-3, firstScene: 20_000 },
  { name: "the tasks", lessons: "clips", steps: 800, clipsPerStep: 3, learningRate: 1e-3, firstScene: 30_000 },
];
