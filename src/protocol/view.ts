import type { MetricsRecord, RolloutLine, RunState } from "./records.ts";

/** Messages between the extension host and the rollout viewer page. Payloads are complete snapshots, never deltas. */
export type HostToViewer =
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
  /** A contributed command that acts on the page, so that users can remap its key. */
  | { readonly kind: "action"; readonly action: ViewerAction };

export type ViewerToHost =
  | { readonly kind: "ready"; readonly selection: ViewerSelection | null }
  | { readonly kind: "needStep"; readonly step: number }
  | { readonly kind: "needFrames"; readonly step: number; readonly group: number }
  | { readonly kind: "selected"; readonly selection: ViewerSelection }
  | { readonly kind: "runCommand"; readonly command: "showLog" | "stopRun" | "resumeRun" };

export interface ViewerRun {
  readonly runDir: string;
  readonly name: string;
  readonly state: RunState;
  readonly alive: boolean;
  readonly rolloutSteps: readonly number[];
  readonly metrics: readonly MetricsRecord[];
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
  "followLatest",
  "playPause",
  "nextFrame",
  "previousFrame",
  "firstFrame",
  "lastFrame",
  "toggleReasoning",
  "seekToPredictionStart",
  "seekToTruthStart",
] as const;
export type ViewerAction = (typeof viewerActions)[number];
