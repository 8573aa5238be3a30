import type { RunDetails, RunProgress, RunSummary } from "../../src/protocol/messages.ts";
import type { RunState } from "../../src/protocol/records.ts";
import type { TrackedRun } from "../../src/extension/runs/runView.ts";

/** Records with every key filled in, for tests that care about a few. */
export function runState(overrides: Partial<RunState> = {}): RunState {
  return {
    version: 1,
    status: "running",
    phase: "sampling",
    step: 42,
    steps: 200,
    updatedAt: "2026-01-02T10:05:00.000Z",
    reward: 0.6149,
    lastCheckpoint: null,
    ...overrides,
  };
}

export function runSummary(overrides: Partial<RunSummary> = {}): RunSummary {
  return {
    runDir: "/ws/runs/2026-01-02-shapes",
    runId: "2026-01-02-shapes",
    name: "shapes",
    specPath: "/ws/shapes.rft.json",
    createdAt: "2026-01-02T10:00:00.000Z",
    state: runState(),
    alive: true,
    ...overrides,
  };
}

export function trackedRun(overrides: Partial<TrackedRun> = {}): TrackedRun {
  return { summary: runSummary(), attached: true, progress: null, ...overrides };
}

export function runProgress(overrides: Partial<RunProgress> = {}): RunProgress {
  return { phase: "sampling", step: 42, steps: 200, done: 0, total: 0, etaSec: null, ...overrides };
}

export function runDetails(overrides: Partial<RunDetails> = {}): RunDetails {
  return { ...runSummary(), checkpoints: [], evaluations: [], metrics: [], rolloutSteps: [], ...overrides };
}
