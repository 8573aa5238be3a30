import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { RunState } from "../../../src/protocol/records.ts";
import type { RunProgress } from "../../../src/protocol/messages.ts";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { readRunDetails } from "../../../src/engine/store/readRun.ts";
import { openRollouts } from "../../../src/engine/store/rollouts.ts";
import { createFaultyIo, diskFull } from "../store/faultyIo.ts";
import { BanditBackend } from "./banditBackend.ts";
import { lastingFiles, makeWorkspace, resumeRun, startRun } from "./fixtures.ts";
import type { Workspace } from "./fixtures.ts";

const workspaces: Workspace[] = [];
after(() => workspaces.forEach(({ dir }) => fs.rmSync(dir, { recursive: true, force: true })));

test("an update that is not finite ends the run with the step's rollouts on the disk; it can be resumed", async () => {
  const workspace = newWorkspace();
  const runDir = path.join(workspace.dir, "runs", "diverges");
  const backend = new BanditBackend();
  const update = backend.update.bind(backend);
  backend.update = async (params) => {
    if (backend.calls.filter((call) => call.startsWith("update")).length === 3) backend.lossOverride = NaN;
    return update(params);
  };
  await assert.rejects(startRun(workspace, runDir, { backend }), (error) => {
    assert.ok(UserError.is(error, "diverged"));
    assert.match(`${error.where} ${error.message} ${error.hint}`, /step 4 .*loss NaN.*learningRate/);
    return true;
  });
  const failed = await readRunDetails(runDir);
  assert.deepEqual([failed.state.status, failed.state.step, failed.state.lastCheckpoint], ["failed", 3, 2]);
  assert.deepEqual([failed.rolloutSteps, failed.metrics.length], [[1, 2, 3, 4], 3]);
  await resumeRun(workspace, runDir);
  const whole = path.join(workspace.dir, "runs", "whole");
  await startRun(workspace, whole);
  assert.deepEqual(different(lastingFiles(runDir), lastingFiles(whole)), []);
  const { state } = await readRunDetails(runDir);
  assert.deepEqual([state.status, state.error], ["finished", undefined]);
});

test("a stop ends after the step at hand with a checkpoint, and resuming ends like a run without stop", async () => {
  const workspace = newWorkspace();
  const stopped = path.join(workspace.dir, "runs", "stopped");
  const stop = new AbortController();
  const states: RunState[] = [];
  const backend = new BanditBackend();
  await startRun(workspace, stopped, {
    stop: stop.signal,
    backend,
    events: {
      progress: ({ phase, step }) => void (phase === "updating" && step === 2 && stop.abort()),
      stateChanged: ({ state }) => void states.push(state),
    },
  });
  const { state, checkpoints, metrics } = await readRunDetails(stopped);
  assert.deepEqual([state.status, state.phase, state.step, state.lastCheckpoint], ["stopped", "idle", 3, 3]);
  assert.deepEqual([checkpoints, metrics.length], [[2, 3], 3]);
  assert.deepEqual([...new Set(states.map((s) => s.status))], ["running", "stopping", "stopped"]);

  const resumed = new BanditBackend();
  await resumeRun(workspace, stopped, { backend: resumed });
  assert.equal(resumed.calls[0], "open step-000003");
  assert.deepEqual([backend.devices, resumed.devices], [["auto"], ["cpu"]], "it goes on where it was begun");
  const whole = path.join(workspace.dir, "runs", "whole");
  await startRun(workspace, whole);
  assert.deepEqual(different(lastingFiles(stopped), lastingFiles(whole)), []);
});

test("a stop during an evaluation leaves it out, and resuming makes it", async () => {
  const workspace = newWorkspace();
  const runDir = path.join(workspace.dir, "runs", "stopped");
  const stop = new AbortController();
  const events = {
    progress: ({ phase, step }: RunProgress) => void (phase === "evaluating" && step === 5 && stop.abort()),
  };
  const result = await startRun(workspace, runDir, { stop: stop.signal, events });
  assert.deepEqual(Object.keys(result.evaluation.after ?? {}).length > 0, true, "the evaluation of step 4");
  assert.deepEqual((await readRunDetails(runDir)).state.status, "stopped");
  assert.ok(!fs.existsSync(path.join(runDir, "evaluation", "step-000005.json")));
  const backend = new BanditBackend();
  await resumeRun(workspace, runDir, { backend });
  assert.deepEqual(backend.calls, ["open step-000005", "sample 2x1 evaluation"]);
  assert.equal((await readRunDetails(runDir)).state.status, "finished");
});

test("a run that was stopped before its first step resumes from the start", async () => {
  const workspace = newWorkspace();
  const runDir = path.join(workspace.dir, "runs", "early");
  const result = await startRun(workspace, runDir, { stop: AbortSignal.abort() });
  assert.deepEqual([result.steps, result.reward.first], [0, null]);
  assert.equal((await readRunDetails(runDir)).state.status, "stopped");
  assert.equal((await resumeRun(workspace, runDir)).steps, 5);
});

test("a full disk ends the run with what to do, keeps every finished step, and resumes to the same bytes", async () => {
  const workspace = newWorkspace();
  const runDir = path.join(workspace.dir, "runs", "full");
  let isFull = false;
  const io = createFaultyIo(
    ({ operation, file }) => {
      isFull ||= file.endsWith("step-000004.jsonl");
      return isFull && (operation === "append" || operation === "writeNew") ? "nothing" : "done";
    },
    () => Promise.reject(diskFull()),
  );
  await assert.rejects(startRun(workspace, runDir, { io }), (error) => UserError.is(error, "disk-full"));
  const { state, alive, metrics } = await readRunDetails(runDir);
  assert.deepEqual([state.status, alive, metrics.length], ["running", false, 3], "not even its end could be written");
  await resumeRun(workspace, runDir);
  const whole = path.join(workspace.dir, "runs", "whole");
  await startRun(workspace, whole);
  assert.deepEqual(different(lastingFiles(runDir), lastingFiles(whole)), []);
});

test("data that has changed since the start is refused, a changed prompt is told", async () => {
  const workspace = newWorkspace({ prompts: { "multiple-choice": { template: "choice.jinja" } } });
  fs.writeFileSync(path.join(workspace.dir, "choice.jinja"), "{{ question }}");
  const runDir = path.join(workspace.dir, "runs", "changed");
  await startRun(workspace, runDir, { stop: AbortSignal.abort() });
  const file = path.join(workspace.dir, "choice.json");
  const rows = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, rows.replace("(B)", "(A)"));
  await assert.rejects(resumeRun(workspace, runDir), (error) => {
    assert.ok(UserError.is(error, "bad-data"));
    assert.match(`${error.where} ${error.message}`, /choice the annotation file of this dataset has changed/);
    return true;
  });
  fs.writeFileSync(file, rows);
  fs.writeFileSync(path.join(workspace.dir, "choice.jinja"), "Well, {{ question }}");
  await resumeRun(workspace, runDir);
  const log = fs.readFileSync(path.join(runDir, "log.txt"), "utf8");
  assert.match(log, /warn the prompt of multiple-choice has changed since the run was started/);
  const prompts = (await openRollouts(runDir).readStep(1)).map((line) => (isFailedGroup(line) ? "" : line.prompt));
  assert.ok(
    prompts.some((prompt) => prompt.startsWith("Well, what colour is ")),
    prompts.join("\n"),
  );
});

test("a failure inside the engine is recorded with its stack in the log, and not as the user's mistake", async () => {
  const workspace = newWorkspace();
  const runDir = path.join(workspace.dir, "runs", "internal");
  const backend = new BanditBackend();
  backend.sample = async () => [];
  await assert.rejects(startRun(workspace, runDir, { backend }), /internal: the backend did not answer/);
  const { state } = await readRunDetails(runDir);
  assert.deepEqual([state.status, state.error?.code], ["failed", "internal"]);
  assert.match(
    fs.readFileSync(path.join(runDir, "log.txt"), "utf8"),
    /internal: the backend did not answer[^]*\n {2}.* at /,
  );
});

function newWorkspace(change: Partial<RunSpecInput> = {}): Workspace {
  const workspace = makeWorkspace(change);
  workspaces.push(workspace);
  return workspace;
}

/** Names of the files that are not the same in both. */
function different(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}
