import type { TokenDetail } from "./messages.ts";
import type { RolloutLine } from "./records.ts";
import type { EditedCompletion } from "./rewardMessages.ts";

/**
 * What the rollout viewer asks its host for beyond steps and frames, and the answers. An answer carries what it belongs
 * to, so that the page can drop one that it no longer waits for; `reason` says in words why there is none.
 */
export type ViewerQuery =
  /** The columns of all rollouts; `steps` of the run that the page knows of, 0 for the first time. */
  | { readonly kind: "needIndex"; readonly steps: number }
  /** Rollouts of the whole run by their text; a new one takes the place of the one before. `rollouts` that the page knows of. */
  | ({ readonly kind: "search"; readonly rollouts: number } & SearchQuery)
  | { readonly kind: "stopSearch" }
  | { readonly kind: "needTokens"; readonly id: string }
  /** What the rewards of a group would be with other texts; null keeps the recorded one. Nothing is written. */
  | {
      readonly kind: "scoreEdited";
      readonly step: number;
      readonly group: number;
      readonly version: number;
      readonly texts: readonly (string | null)[];
    }
  | { readonly kind: "needRuns" }
  | ({ readonly kind: "needPlaces" } & PromptKey)
  | { readonly kind: "needOther"; readonly runDir: string; readonly step: number; readonly group: number }
  | { readonly kind: "openShortcuts" };

export type ViewerAnswer =
  /** A file of rolloutIndex.ts; null with a reason when there is none. */
  | { readonly kind: "index"; readonly index: IndexFile | null; readonly reason?: string | undefined }
  /** A lot of a search, newest step first; not a snapshot, since a page that was hidden searches anew. */
  | {
      readonly kind: "found";
      readonly task: string;
      readonly ids: readonly string[];
      readonly searched: number;
      readonly isDone: boolean;
      readonly reason?: string | undefined;
    }
  /** `tokens` null: the run did not keep them, or they cannot be read for the reason given. */
  | {
      readonly kind: "tokens";
      readonly id: string;
      readonly tokens: readonly TokenDetail[] | null;
      readonly reason?: string | undefined;
    }
  | {
      readonly kind: "edited";
      readonly step: number;
      readonly group: number;
      readonly version: number;
      readonly completions: readonly EditedCompletion[] | null;
      readonly reason?: string | undefined;
    }
  /** Runs that can be compared with, newest first; the page's own among them. */
  | { readonly kind: "runs"; readonly runs: readonly OtherRun[] }
  | ({
      readonly kind: "places";
      readonly places: readonly PromptPlace[];
      readonly reason?: string | undefined;
    } & PromptKey)
  | {
      readonly kind: "other";
      readonly runDir: string;
      readonly step: number;
      readonly group: number;
      readonly line: RolloutLine | null;
      readonly reason?: string | undefined;
    }
  /** Commands that act on the page with their default keys, for the cheat sheet. */
  | { readonly kind: "shortcuts"; readonly shortcuts: readonly Shortcut[] };

export interface SearchQuery {
  readonly task: string;
  readonly pattern: string;
  readonly isRegex: boolean;
  readonly isCaseSensitive: boolean;
}

export interface IndexFile {
  readonly uri: string;
  readonly bytes: number;
  readonly steps: number;
}

export interface OtherRun {
  readonly runDir: string;
  readonly name: string;
  readonly steps: number;
}

/** A prompt of a run: the same example may have been drawn at several steps. */
export interface PromptKey {
  readonly runDir: string;
  readonly dataset: string;
  readonly example: string;
}

/** A step at which a prompt was rolled out. */
export interface PromptPlace {
  readonly step: number;
  readonly group: number;
  readonly rewardMean: number | null; // null when every rollout was dropped
}

export interface Shortcut {
  readonly section: string;
  readonly title: string;
  /** As people write it: "Shift+N". */
  readonly key: string;
}
