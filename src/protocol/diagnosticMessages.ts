import type { Diagnostic } from "./diagnostics.ts";
import { request } from "./messages.ts";

/** Requests of the extension to its service engine for findings that need more than a specification's text (checkSpec). */

/**
 * Reads the data of a specification and looks at its videos: at most `videos` of each dataset, spread over it; null looks at
 * all. A specification that cannot be read has no diagnostics here. Cancellable.
 */
export const diagnoseData = request<
  { specPath: string; text: string; videos: number | null },
  { diagnostics: readonly Diagnostic[]; videosSeen: number; videosInAll: number }
>("service/diagnoseData");

/**
 * Findings in the rollouts, metrics and evaluations of a run, as far as it has come; only what has been added since the last
 * call is read. `mayCallRewards` lets it call the workspace's rewards a second time: in trusted workspaces only. Cancellable.
 */
export const diagnoseRun = request<
  { runDir: string; mayCallRewards: boolean },
  { specPath: string; steps: number; diagnostics: readonly Diagnostic[] }
>("service/diagnoseRun");
