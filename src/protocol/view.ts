import type { BoundingBox, Segment } from "./tasks.ts";
import type { RolloutLine, RunState } from "./records.ts";
import type { ViewerAnswer, ViewerQuery } from "./viewerQueries.ts";

/** Messages between the extension host and the rollout viewer page. Payloads are complete snapshots, never deltas. */
export type HostToViewer =
  | ViewerAnswer
  | { readonly kind: "run"; readonly run: ViewerRun }
  | { readonly kind: "step"; readonly step: number; readonly groups: readonly RolloutLine[] }
  /** Webview URIs of the frames, in frame order; empty with a reason when they cannot be had. */
  | {
      readonly kind: "frames";
      readonly step: number;
      readonly group: number;
      readonly uris: readonly string[];
      readonly reason?: string | undefined;
    }
  /** Shows a rollout; what else is shown stays as it is. */
  | { readonly kind: "goTo"; readonly selection: ViewerSelection }
  /** A value of a stopped reward function, to be drawn beside truth and answer of its rollout; null takes it away. */
  | { readonly kind: "evidence"; readonly evidence: ViewerEvidence | null }
  /** A contributed command that acts on the page, so that users can remap its key. */
  | { readonly kind: "action"; readonly action: ViewerAction };

export type ViewerToHost =
  | ViewerQuery
  | { readonly kind: "ready"; readonly selection: ViewerSelection | null }
  | { readonly kind: "needStep"; readonly step: number }
  | { readonly kind: "needFrames"; readonly step: number; readonly group: number }
  | { readonly kind: "selected"; readonly selection: ViewerSelection }
  /** A command of the extension on a rollout, "<step>/<group>/<k>". */
  | { readonly kind: "rolloutCommand"; readonly command: RolloutCommand; readonly id: string }
  | { readonly kind: "runCommand"; readonly command: "showLog" | "stopRun" | "resumeRun" };

export const rolloutCommands = ["debugReward", "pinCase", "openText", "compareText", "copyLink"] as const;
export type RolloutCommand = (typeof rolloutCommands)[number];

/** What the pointer rests on in a stopped reward function. */
export interface ViewerEvidence {
  readonly id: string; // of the rollout
  readonly label: string; // the expression
  readonly isTruth: boolean; // by its name; else an answer
  readonly value:
    | { readonly kind: "segment"; readonly segments: readonly Segment[] }
    | { readonly kind: "boxes"; readonly boxes: readonly BoundingBox[] }
    /** An overlap: truth, answer and what they share are drawn. */
    | { readonly kind: "overlap"; readonly value: number };
}

export interface ViewerRun {
  readonly runDir: string;
  readonly name: string;
  readonly state: RunState;
  readonly alive: boolean;
  readonly rolloutSteps: readonly number[];
  /** Mean reward of each of these steps; null while it is not known. */
  readonly rewards: readonly (number | null)[];
}

export interface ViewerSelection {
  readonly step: number;
  readonly group: number;
  readonly completion: number; // k
  readonly following: boolean; // jump to new steps as they arrive
}

export const viewerActions = [
  "nextRollout",
  "previousRollout",
  "nextGroup",
  "previousGroup",
  "nextStep",
  "previousStep",
  "firstStep",
  "lastStep",
  "followLatest",
  "playPause",
  "loopSegment",
  "nextFrame",
  "previousFrame",
  "firstFrame",
  "lastFrame",
  "forward",
  "back",
  "forwardFar",
  "backFar",
  "nextEdge",
  "previousEdge",
  "seekToPredictionStart",
  "seekToTruthStart",
  "toggleReasoning",
  "toggleTokens",
  "nextShading",
  "toggleBoxes",
  "toggleSeen",
  "toggleList",
  "search",
  "nextListed",
  "previousListed",
  "compare",
  "nextCompared",
  "previousCompared",
  "editCompletion",
  "undoEdit",
  "resetEdits",
  "copyLink",
  "showShortcuts",
] as const;
export type ViewerAction = (typeof viewerActions)[number];
