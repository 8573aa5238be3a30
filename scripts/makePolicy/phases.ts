/**
 * The cold start, in the order in which things are learnt. Scenes that come again a few times at the beginning of a kind
 * of lesson get it off the ground (with fresh scenes only, the policy stays at guessing without looking for thousands of
 * steps); fresh scenes then make it general.
 */
export interface Phase {
  readonly name: string;
  /** pictures: one moment; slides: eight unrelated moments in a clip; clips: the tasks, and looking at times. */
  readonly lessons: "pictures" | "slides" | "clips";
  readonly steps: number;
  readonly clipsPerStep: number;
  readonly learningRate: number;
  readonly firstScene: number;
  /** Scenes before they come again. */
  readonly distinctScenes: number;
}

export const phases: readonly Phase[] = [
  {
    name: "what and where",
    lessons: "pictures",
    steps: 400,
    clipsPerStep: 8,
    learningRate: 1e-3,
    firstScene: 0,
    distinctScenes: 320,
  },
  {
    name: "when",
    lessons: "slides",
    steps: 600,
    clipsPerStep: 3,
    learningRate: 1e-3,
    firstScene: 0,
    distinctScenes: 150,
  },
  {
    name: "when, fresh",
    lessons: "slides",
    steps: 550,
    clipsPerStep: 3,
    learningRate: 1e-3,
    firstScene: 100_000,
    distinctScenes: 1e9,
  },
  {
    name: "the tasks",
    lessons: "clips",
    steps: 700,
    clipsPerStep: 3,
    learningRate: 1.2e-3,
    firstScene: 0,
    distinctScenes: 360,
  },
  {
    name: "the tasks, fresh",
    lessons: "clips",
    steps: 1500,
    clipsPerStep: 3,
    learningRate: 1e-3,
    firstScene: 200_000,
    distinctScenes: 1e9,
  },
];
