import { sendRequest } from "../../protocol/connection.ts";
import { formatError, UserError } from "../../protocol/errors.ts";
import { stopRun } from "../../protocol/messages.ts";
import type { RunState } from "../../protocol/records.ts";
import { readRunResult } from "../run/runResult.ts";
import { attachToRun, type AttachedRun, type RunAddress } from "../server/runClient.ts";
import { readRunState } from "../store/readRun.ts";
import { runFiles } from "../store/runPaths.ts";
import { exitStatusOf, type ExitStatus } from "./command.ts";
import { formatRunTable, runDocument } from "./results.ts";
import { RunView } from "./runView.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Shows a run until it ends, then its result. Ctrl+C asks the run to stop after the step at hand; a second one leaves it
 * to itself. The run does not need this process.
 */
export async function followRun(terminal: Terminal, runDir: string, address: RunAddress): Promise<ExitStatus> {
  const view = new RunView(terminal);
  const run = await attach(address, view);
  if (run === null) return reportEnd(terminal, runDir);
  view.showState(run.state);
  const interrupts = new Interrupts(terminal, run);
  const closed = new Promise<"closed">((resolve) => run.connection.onDidClose(() => resolve("closed")));
  const end = await Promise.race([closed, interrupts.detached]);
  interrupts.dispose();
  view.end();
  if (end === "closed") return reportEnd(terminal, runDir);
  run.connection.dispose();
  terminal.note(`The run goes on in the background until it has stopped. Its folder is ${runDir}`);
  terminal.note(`To see it again, or to go on with it: video-rft resume ${quote(runDir)}`);
  terminal.writeDocument(runDocument(await readRunResult(runDir), end.state));
  return 1;
}

/** null when the run has ended meanwhile. */
async function attach(address: RunAddress, view: RunView): Promise<AttachedRun | null> {
  try {
    return await attachToRun(address, "video-rft", (connection) => view.listen(connection));
  } catch (error) {
    if (UserError.is(error, "disconnected")) return null;
    throw error;
  }
}

/** Prints what a run has come to, from its folder. */
export async function reportEnd(terminal: Terminal, runDir: string): Promise<ExitStatus> {
  const state = await readRunState(runDir);
  const result = await readRunResult(runDir);
  terminal.writeDocument(runDocument(result, state));
  const table = formatRunTable(result);
  if (table !== null) terminal.print(`\n${table}\n`);
  switch (state.status) {
    case "finished":
      terminal.print(`Finished ${state.steps} steps. The run folder is ${runDir}`);
      terminal.print(`To see its rollouts in VS Code: code ${quote(runDir)}, then "RFT: Open Rollouts".`);
      return 0;
    case "stopped":
      terminal.print(`Stopped after ${state.step} of ${state.steps} steps. The run folder is ${runDir}`);
      terminal.print(`To go on with it: video-rft resume ${quote(runDir)}`);
      return 1;
    case "failed":
      terminal.note(`The run failed after ${state.step} of ${state.steps} steps; its folder is ${runDir}`);
      if (state.error !== undefined) terminal.note(formatError(state.error));
      terminal.note(`Its log is ${runFiles.log(runDir)}`);
      return state.error === undefined ? 1 : exitStatusOf(new UserError(state.error));
    case "running":
    case "stopping":
      terminal.note(`The run process has ended unexpectedly; its log is ${runFiles.log(runDir)}`);
      terminal.note(`To go on from the last checkpoint: video-rft resume ${quote(runDir)}`);
      return 1;
    default:
      return state.status satisfies never;
  }
}

/** Ctrl+C while a run is followed. */
class Interrupts {
  /** Settles with the last known state when the user does not want to wait for the end. */
  readonly detached: Promise<{ readonly state: RunState }>;
  private readonly onSignal: () => void;

  constructor(terminal: Terminal, run: AttachedRun) {
    let stopAsked: Promise<{ readonly state: RunState }> | null = null;
    let detach: (value: { readonly state: RunState }) => void = () => undefined;
    this.detached = new Promise((resolve) => (detach = resolve));
    this.onSignal = () => {
      // The request to stop has to arrive before this process goes.
      if (stopAsked !== null) return void stopAsked.then(detach);
      terminal.note("Stopping after this step, with a checkpoint. Ctrl+C again to leave the run to itself.");
      stopAsked = sendRequest(run.connection, stopRun, { reason: "Ctrl+C" }).catch((error: unknown) => {
        // That the run has ended meanwhile is told by the closed connection.
        if (!UserError.is(error, "disconnected")) terminal.note(String(error));
        return { state: run.state };
      });
    };
    process.on("SIGINT", this.onSignal);
  }

  dispose(): void {
    process.off("SIGINT", this.onSignal);
  }
}

/** For a shell, when it needs that. */
export function quote(text: string): string {
  return /^[\w./\\:-]+$/.test(text) ? text : `"${text}"`;
}
