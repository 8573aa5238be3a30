import { UserError, formatError } from "../../protocol/errors.ts";
import type { ErrorData } from "../../protocol/errors.ts";
import type { RunPhase, RunState } from "../../protocol/records.ts";
import type { NewRunState, RunFolder } from "../store/runFolder.ts";
import type { RunEvents } from "./events.ts";

/** Keeps the state of a run, and tells it to the folder and to the listeners. */
export interface RunReporter {
  readonly state: RunState;
  /** Changes the state: listeners hear of it at once, the promise settles when it is on the disk. */
  update(change: Partial<NewRunState>): Promise<void>;
  /** A phase begins, or goes on. Not written to the disk: it changes several times a step. */
  enter(phase: RunPhase, done: number, total: number, etaSec: number | null): void;
  log(level: "info" | "warn" | "error", message: string): Promise<void>;
}

export function createRunReporter(folder: RunFolder, events: RunEvents, initial: RunState): RunReporter {
  let state = initial;
  let turn: Promise<unknown> = Promise.resolve(); // one write of state.json at a time
  return {
    get state() {
      return state;
    },
    async update(change) {
      state = { ...state, ...change, updatedAt: new Date().toISOString() };
      events.stateChanged({ state });
      const { version: _, updatedAt: __, ...written } = state;
      const write = turn.then(() => folder.writeState(written));
      turn = write.catch(() => undefined);
      await write;
    },
    enter(phase, done, total, etaSec) {
      if (state.phase !== phase) {
        state = { ...state, phase };
        events.stateChanged({ state });
      }
      events.progress({ phase, step: state.step, steps: state.steps, done, total, etaSec });
    },
    async log(level, message) {
      events.log({ level, message });
      await folder.log(level, message);
    },
  };
}

/**
 * Records that a run has failed. Where not even that can be written (a full disk), the dead lock tells it: the run is
 * then listed as crashed, and can be resumed all the same.
 */
export async function reportFailure(reporter: RunReporter, error: unknown): Promise<void> {
  const data = toErrorData(error);
  const stack = !UserError.is(error) && error instanceof Error ? `\n${error.stack ?? ""}` : "";
  await reporter.log("error", `${formatError(data)}${stack}`);
  await reporter.update({ status: "failed", phase: "idle", error: data }).catch(() => undefined);
}

function toErrorData(error: unknown): ErrorData {
  if (UserError.is(error)) return error.toData();
  const message = error instanceof Error ? error.message : String(error);
  const hint = "This is a mistake in Video RFT. The log of the run has the details; please report it.";
  return { code: "internal", message, hint };
}
