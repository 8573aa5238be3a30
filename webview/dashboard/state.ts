import type { DashboardRun, DashboardToHost, HostToDashboard, SavedDashboard } from "../../src/protocol/dashboard.ts";

/** Everything that the page shows. */
export interface DashboardState {
  /** null until the host has sent them. */
  readonly runs: readonly DashboardRun[] | null;
  /** Weight of what came before, from 0 (none) to `maxSmoothing`. */
  readonly smoothing: number;
  readonly scale: SavedDashboard["scale"];
  readonly view: SavedDashboard["view"];
  /** Steps that all charts show; null: all. */
  readonly zoom: StepRange | null;
  /** Step under the pointer or the keyboard's cursor, of all charts at once. */
  readonly cursorStep: number | null;
  /** Index of the run that Enter opens. */
  readonly cursorRun: number;
}

export interface StepRange {
  readonly from: number;
  readonly to: number;
}

export type DashboardEvent =
  | HostToDashboard
  | { readonly kind: "setSmoothing"; readonly smoothing: number }
  | { readonly kind: "setScale"; readonly scale: DashboardState["scale"] }
  | { readonly kind: "setView"; readonly view: DashboardState["view"] }
  | { readonly kind: "zoom"; readonly zoom: StepRange | null }
  | { readonly kind: "moveCursor"; readonly step: number | null }
  | { readonly kind: "pickRun"; readonly index: number };

/** What a view raises: events for the page, messages for the host. */
export interface DashboardActions {
  readonly dispatch: (event: DashboardEvent) => void;
  readonly post: (message: DashboardToHost) => void;
}

export const maxSmoothing = 0.99;

/** `saved` is whatever an earlier page kept. */
export function initialState(saved: unknown): DashboardState {
  const { smoothing, scale, view } = readSaved(saved);
  return { runs: null, smoothing, scale, view, zoom: null, cursorStep: null, cursorRun: 0 };
}

export function update(state: DashboardState, event: DashboardEvent): DashboardState {
  switch (event.kind) {
    case "runs": {
      const cursorRun = state.cursorRun < event.runs.length ? state.cursorRun : 0;
      return { ...state, runs: event.runs, cursorRun };
    }
    case "setSmoothing":
      return { ...state, smoothing: clamp(event.smoothing, 0, maxSmoothing) };
    case "setScale":
      return { ...state, scale: event.scale };
    case "setView":
      return { ...state, view: event.view };
    case "zoom":
      return { ...state, zoom: event.zoom };
    case "moveCursor":
      return state.cursorStep === event.step ? state : { ...state, cursorStep: event.step };
    case "pickRun": {
      const cursorRun = clamp(event.index, 0, Math.max(0, (state.runs?.length ?? 0) - 1));
      return cursorRun === state.cursorRun ? state : { ...state, cursorRun };
    }
  }
}

export function savedStateOf(state: DashboardState, runDirs: readonly string[]): SavedDashboard {
  const { smoothing, scale, view } = state;
  return { runDirs: state.runs?.map(({ runDir }) => runDir) ?? runDirs, smoothing, scale, view };
}

export function readSaved(saved: unknown): SavedDashboard {
  const value: Readonly<Record<string, unknown>> = typeof saved === "object" && saved !== null ? { ...saved } : {};
  const { runDirs, smoothing, scale, view } = value;
  return {
    runDirs: Array.isArray(runDirs) ? runDirs.filter((item): item is string => typeof item === "string") : [],
    smoothing: typeof smoothing === "number" && smoothing >= 0 && smoothing <= maxSmoothing ? smoothing : 0,
    scale: scale === "log" ? "log" : "linear",
    view: view === "tables" ? "tables" : "charts",
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
