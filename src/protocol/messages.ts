import type { DiagnosticCode, DiagnosticSeverity, SpecFix, SpecPath } from "./diagnostics.ts";
import type { EvaluationRecord, ImportRecord, MetricsRecord, RolloutLine, RunState, TimingsRecord } from "./records.ts";

/** Bumped when a message changes shape; a client refuses a run process of another version and says so. */
export const protocolVersion = 2;

/** A request or notification as a value that carries the types of its params and result. */
export interface RequestMessage<Params, Result> {
  readonly kind: "request";
  readonly method: string;
  readonly _types?: (params: Params) => Result;
}
export interface NotificationMessage<Params> {
  readonly kind: "notification";
  readonly method: string;
  readonly _types?: (params: Params) => void;
}
export function request<Params, Result>(method: string): RequestMessage<Params, Result> {
  return { kind: "request", method };
}
export function notification<Params>(method: string): NotificationMessage<Params> {
  return { kind: "notification", method };
}

// --- client <-> run process (socket) --------------------------------------------------------------------------------

/** First message on a connection; a wrong token closes it. */
export const helloRun = request<
  { token: string; protocolVersion: number; client: string },
  { runDir: string; runId: string; state: RunState }
>("run/hello");
export const pingRun = request<{ sentAtMs: number }, { sentAtMs: number }>("run/ping");
export const stopRun = request<{ reason: string }, { state: RunState }>("run/stop"); // after the step at hand, with a checkpoint
export const getRunState = request<Record<string, never>, { state: RunState }>("run/state");
export const runStateChanged = notification<{ state: RunState }>("run/stateChanged");
export const runProgress = notification<RunProgress>("run/progress");
/** A step is on disk. */
export const stepFinished = notification<{ metrics: MetricsRecord; timings: TimingsRecord }>("run/stepFinished");
/** Groups of the current step, appended to rollouts/ just before. */
export const groupsWritten = notification<{ step: number; groups: readonly RolloutLine[] }>("run/groupsWritten");
export const evaluationWritten = notification<{ step: number; evaluation: Omit<EvaluationRecord, "examples"> }>(
  "run/evaluationWritten",
);
export const runLog = notification<{ level: "info" | "warn" | "error"; message: string }>("run/log");

export interface RunProgress {
  readonly phase: RunState["phase"];
  readonly step: number;
  readonly steps: number;
  readonly done: number; // within the phase
  readonly total: number;
  readonly etaSec: number | null;
}

// --- extension <-> service engine (IPC) -----------------------------------------------------------------------------

export interface InitializeParams {
  readonly protocolVersion: number;
  readonly cacheDir: string;
  readonly ffmpegPath: string | null;
  /** Setting videoRft.python, or the Python extension's choice; null looks on the PATH. */
  readonly pythonPath: string | null;
}
export const initializeService = request<InitializeParams, { version: string; protocolVersion: number; pid: number }>(
  "service/initialize",
);
export const pingService = request<{ sentAtMs: number }, { sentAtMs: number }>("service/ping");
export const shutdownService = request<Record<string, never>, Record<string, never>>("service/shutdown");
/** Starts a detached run process and answers once its socket listens. */
export const startRunProcess = request<StartRunParams, { runDir: string; runId: string }>("service/startRun");
export const resumeRunProcess = request<{ runDir: string }, { runDir: string; runId: string }>("service/resumeRun");
/** Runs found under the folders, newest first; crashed ones have `alive: false` and status "running". */
export const listRuns = request<{ folders: readonly string[] }, { runs: readonly RunSummary[] }>("service/listRuns");
export const readRun = request<{ runDir: string }, RunDetails>("service/readRun");
/** How long the steps of a run took, and what they held: what `readRun` leaves out. */
export const readTimings = request<{ runDir: string }, { timings: readonly TimingsRecord[] }>("service/readTimings");
/** Groups of one step, from disk. */
export const readStep = request<{ runDir: string; step: number }, { groups: readonly RolloutLine[] }>(
  "service/readStep",
);
/** Makes sure that the frames of a set are in the cache (decoded again when evicted); answers absolute paths in frame order. */
export const openFrames = request<{ runDir: string; step: number; group: number }, { files: readonly string[] }>(
  "service/openFrames",
);
/** A file with the columns of all rollouts of a run (rolloutIndex.ts), made where the run's own is not whole. */
export const openIndex = request<{ runDir: string }, { file: string; bytes: number; steps: number }>(
  "service/openIndex",
);
/** Some groups, by their places; those that are not there are left out. */
export const readGroups = request<
  { runDir: string; places: readonly { readonly step: number; readonly group: number }[] },
  { groups: readonly RolloutLine[] }
>("service/readGroups");
/** Rollouts whose text matches, newest step first; told in lots by `searchFound`. Cancellable. */
export const searchRollouts = request<
  { task: string; runDir: string; pattern: string; isRegex: boolean; isCaseSensitive: boolean },
  { found: number; searched: number }
>("service/searchRollouts");
export const searchFound = notification<{ task: string; ids: readonly string[]; searched: number }>(
  "service/searchFound",
);
/** Tokens of one completion with their texts. `null` where the run did not keep them. */
export const readTokenTexts = request<
  { runDir: string; step: number; group: number; completion: number },
  { tokens: readonly TokenDetail[] | null }
>("service/readTokens");

export interface TokenDetail {
  readonly text: string;
  readonly logprob: number;
  readonly entropy: number;
  /** Log-probability under the reference policy; null without one. */
  readonly refLogprob: number | null;
  /** The most likely tokens, where the run kept them, the likeliest first. */
  readonly alternatives: readonly { readonly text: string; readonly logprob: number }[];
}

/** What is wrong with the text of a specification; what its data and runs show is asked for in diagnosticMessages.ts. */
export const checkSpec = request<{ specPath: string; text: string }, { problems: readonly SpecDiagnostic[] }>(
  "service/checkSpec",
);
export interface SpecDiagnostic {
  readonly code: DiagnosticCode;
  readonly severity: DiagnosticSeverity;
  readonly path: SpecPath;
  readonly message: string;
  readonly fixes: readonly SpecFix[];
}
export const runDoctor = request<Record<string, never>, { checks: readonly DoctorCheck[] }>("service/doctor");
/** Writes the sample workspace (clips included) into an empty folder. Cancellable. */
export const writeSample = request<{ dir: string }, { specPath: string }>("service/writeSample");
/** Fetches ffmpeg-static's binary into the folder after the user agreed; checks its checksum. Cancellable. */
export const fetchFfmpeg = request<{ dir: string }, { path: string; version: string }>("service/fetchFfmpeg");
/** Makes a run folder of another trainer's rollouts; `outDir` null keeps it in the cache. Cancellable. */
export const importRollouts = request<
  { path: string; outDir: string | null },
  { runDir: string; imported: ImportRecord }
>("service/importRollouts");
/** A page about evaluations, files or folders; it loads nothing and runs no script. Cancellable. */
export const makeEvaluationReport = request<{ places: readonly string[] }, { html: string }>(
  "service/evaluationReport",
);
/** Progress of writeSample, fetchFfmpeg and importRollouts; `total` 0: not known. */
export const serviceProgress = notification<{
  task: ServiceTask;
  done: number;
  total: number;
  message: string;
}>("service/progress");
export type ServiceTask = "sample" | "ffmpeg" | "import";
export const serviceLog = notification<{ level: "info" | "warn" | "error"; message: string }>("service/log");

export interface StartRunParams {
  readonly specPath: string;
  readonly steps?: number | undefined;
  readonly seed?: number | undefined;
}

export interface RunSummary {
  readonly runDir: string;
  readonly runId: string;
  readonly name: string;
  readonly specPath: string;
  readonly createdAt: string;
  readonly state: RunState;
  readonly alive: boolean;
  /** How to attach when alive. */
  readonly socket?: string | undefined;
  readonly token?: string | undefined;
}

export interface RunDetails extends RunSummary {
  readonly checkpoints: readonly number[]; // steps
  readonly evaluations: readonly Omit<EvaluationRecord, "examples">[];
  readonly metrics: readonly MetricsRecord[];
  readonly rolloutSteps: readonly number[];
}

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string | undefined;
}
