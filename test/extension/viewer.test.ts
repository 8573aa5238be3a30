import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailedGroupRecord, RolloutLine } from "../../src/protocol/records.ts";
import { UserError } from "../../src/protocol/errors.ts";
import type { ViewerSelection } from "../../src/protocol/view.ts";
import type { TrackedRun } from "../../src/extension/runs/runView.ts";
import { readOpenViewers, viewerTitle } from "../../src/extension/viewer/openViewers.ts";
import { escapeHtml, pageHtml } from "../../src/extension/viewer/pageHtml.ts";
import type { AnswerPorts } from "../../src/extension/viewer/viewerAnswers.ts";
import { isViewerMessage, ViewerHost } from "../../src/extension/viewer/viewerHost.ts";
import { runDetails, runState, runSummary, trackedRun } from "./records.ts";

/** A host over a run folder that the test changes; `sent` is everything the page was told, as text. */
function viewer() {
  const folder = {
    details: runDetails(),
    tracked: undefined as TrackedRun | undefined,
    steps: new Map<number, RolloutLine[]>(),
    frames: (_group: number): readonly string[] | Promise<readonly string[]> => ["/cache/0.jpg", "/cache/1.jpg"],
  };
  const sent: string[] = [];
  const host = new ViewerHost({
    details: async () => folder.details,
    step: async (step) => folder.steps.get(step) ?? [],
    frames: async (_step, group) => folder.frames(group),
    tracked: () => folder.tracked,
    toUri: (file) => `uri:${file}`,
    post: (message) => {
      switch (message.kind) {
        case "run": {
          const { state, alive, rolloutSteps } = message.run;
          sent.push(`run ${state.status} ${state.step} ${alive ? "alive" : "dead"} steps=${rolloutSteps.join(",")}`);
          break;
        }
        case "step":
          sent.push(`step ${message.step} groups=${message.groups.map((group) => group.group).join(",")}`);
          break;
        case "frames":
          sent.push(`frames ${message.step}/${message.group} ${message.uris.join(" ")}${message.reason ?? ""}`);
          break;
        case "goTo":
          sent.push(`goTo ${message.selection.step}/${message.selection.group}/${message.selection.completion}`);
          break;
        case "evidence":
          sent.push(`evidence ${message.evidence?.label ?? "none"}`);
          break;
        case "action":
          sent.push(message.action);
          break;
        case "shortcuts":
          break;
        default:
          sent.push(`${message.kind} ${JSON.stringify(message)}`);
      }
    },
    ...answerPorts(),
    shortcuts: [],
    runCommand: (command) => sent.push(`command ${command}`),
    rolloutCommand: (command, id) => sent.push(`${command} ${id}`),
    failed: (error) => sent.push(`failed ${String(error)}`),
  });
  const written = async (step: number, groups: number[]) => {
    folder.steps.set(
      step,
      groups.map((group) => failedGroup(step, group)),
    );
    folder.details = { ...folder.details, rolloutSteps: [...folder.steps.keys()] };
    await host.groupsWritten(step);
  };
  return { folder, sent, host, written };
}

/** A run folder without an index, tokens or rewards. */
function answerPorts(): Omit<AnswerPorts, "toUri" | "post" | "failed"> {
  const none = (): Promise<never> => Promise.reject(new UserError({ code: "not-found", message: "there is none" }));
  return {
    index: none,
    columns: none,
    search: none,
    tokens: none,
    scoreEdited: none,
    runs: () => [],
    group: none,
    openShortcuts: () => undefined,
  };
}

function failedGroup(step: number, group: number): FailedGroupRecord {
  const failure = { code: "bad-video", message: "broken" } as const;
  return { version: 1, step, group, datasetId: "d", exampleId: `e${group}`, task: "tracking", failure };
}

function selection(step: number, following: boolean): ViewerSelection {
  return { step, group: 0, completion: 0, following };
}

test("a page that is ready gets the run, then what it asks for", async () => {
  const { folder, sent, host } = viewer();
  folder.details = runDetails({ rolloutSteps: [1] });
  folder.steps.set(1, [failedGroup(1, 0), failedGroup(1, 1)]);
  await host.receive({ kind: "ready", selection: null });
  await host.receive({ kind: "needStep", step: 1 });
  await host.receive({ kind: "needFrames", step: 1, group: 1 });
  await host.receive({ kind: "runCommand", command: "stopRun" });
  assert.deepEqual(sent, [
    "run running 42 alive steps=1",
    "step 1 groups=0,1",
    "frames 1/1 uri:/cache/0.jpg uri:/cache/1.jpg",
    "command stopRun",
  ]);
});

test("groups arrive as whole steps, for the step that the page watches", async () => {
  const { sent, host, written } = viewer();
  await host.receive({ kind: "ready", selection: null });
  await written(1, [0]);
  await written(1, [0, 1]);
  await host.receive({ kind: "selected", selection: selection(1, false) });
  await written(2, [0]);
  await host.receive({ kind: "selected", selection: selection(1, true) });
  await written(2, [0, 1]);
  assert.deepEqual(sent, [
    "run running 42 alive steps=",
    "run running 42 alive steps=1",
    "step 1 groups=0",
    "step 1 groups=0,1",
    "run running 42 alive steps=1,2", // the page stays at step 1, and learns that there is another
    "step 2 groups=0,1",
  ]);
});

test("a hidden page gets nothing, and everything when it is shown again", async () => {
  const { folder, sent, host, written } = viewer();
  await written(1, [0]);
  await host.stateChanged();
  await host.refreshRun();
  assert.deepEqual(sent, []);
  await host.receive({ kind: "ready", selection: selection(1, true) });
  host.hidden();
  await written(2, [0]);
  assert.deepEqual(sent.splice(0), ["run running 42 alive steps=1"]);
  folder.details = { ...folder.details, state: runState({ status: "finished", step: 200 }), alive: false };
  await host.receive({ kind: "ready", selection: selection(1, true) });
  assert.deepEqual(sent, ["run finished 200 dead steps=1,2"]);
});

test("a rollout that is asked for before the page is ready is shown once it is", async () => {
  const { sent, host } = viewer();
  host.goTo({ step: 7, group: 1, completion: 3, following: false });
  await host.receive({ kind: "ready", selection: null });
  host.goTo(selection(9, false));
  host.showEvidence({ id: "9/0/0", label: "iou", isTruth: false, value: { kind: "overlap", value: 0.5 } });
  await host.receive({ kind: "rolloutCommand", command: "pinCase", id: "9/0/0" });
  assert.deepEqual(sent, ["run running 42 alive steps=", "goTo 7/1/3", "goTo 9/0/0", "evidence iou", "pinCase 9/0/0"]);
});

test("a run's state is told once when it changes; a live state goes before the file's", async () => {
  const { folder, sent, host } = viewer();
  await host.receive({ kind: "ready", selection: null });
  await host.stateChanged();
  folder.tracked = trackedRun({ summary: runSummary({ state: runState({ status: "stopping", step: 43 }) }) });
  await host.stateChanged();
  await host.stateChanged();
  assert.deepEqual(sent, ["run running 42 alive steps=", "run stopping 43 alive steps="]);
});

test("the end of a run reaches the page, whether its process told it or not", async () => {
  const { folder, sent, host } = viewer();
  await host.receive({ kind: "ready", selection: null });
  const stopping = runState({ status: "stopping", updatedAt: "2026-01-02T10:06:00.000Z" });
  folder.tracked = trackedRun({ summary: runSummary({ state: stopping }) });
  await host.stateChanged();
  // The process has gone: the registry has read the folder again.
  const stopped = runState({ status: "stopped", step: 43, updatedAt: "2026-01-02T10:07:00.000Z" });
  folder.tracked = trackedRun({ summary: runSummary({ state: stopped, alive: false }), attached: false });
  folder.details = runDetails({ state: stopped, alive: false, rolloutSteps: [43] });
  await host.stateChanged();
  await host.stateChanged();
  assert.deepEqual(sent, [
    "run running 42 alive steps=",
    "run stopping 42 alive steps=",
    "run stopped 43 dead steps=43",
  ]);
});

test("frames that cannot be had come with the reason", async () => {
  const { folder, sent, host } = viewer();
  folder.frames = () => {
    throw new UserError({ code: "bad-video", message: "the file is gone", where: "/v/a.mp4", hint: "Put it back." });
  };
  await host.receive({ kind: "needFrames", step: 3, group: 0 });
  assert.deepEqual(sent, ["frames 3/0 /v/a.mp4: the file is gone. Put it back."]);
});

test("frames are opened one set at a time, the one that was asked for last first", async () => {
  const { folder, sent, host } = viewer();
  let open = 0;
  folder.frames = async (group) => {
    open += 1;
    assert.equal(open, 1);
    await new Promise((resolve) => setImmediate(resolve));
    open -= 1;
    return [`/cache/${group}.jpg`];
  };
  await Promise.all([0, 1, 2, 3].map((group) => host.receive({ kind: "needFrames", step: 1, group })));
  assert.deepEqual(sent, [
    "frames 1/0 uri:/cache/0.jpg",
    "frames 1/3 uri:/cache/3.jpg",
    "frames 1/2 uri:/cache/2.jpg",
    "frames 1/1 uri:/cache/1.jpg",
  ]);
});

test("messages of an unknown kind are dropped", () => {
  assert.ok(isViewerMessage({ kind: "needStep", step: 1 }));
  for (const value of [null, 3, "ready", {}, { kind: "toString" }, { kind: "evil" }])
    assert.ok(!isViewerMessage(value));
});

test("the page's policy allows its own script, sheet, images and fonts, and nothing else", () => {
  const html = pageHtml({
    title: 'Rollouts: <img src=x onerror="alert(1)">',
    scriptUri: "https://r.test/rollouts.js?a=1&b=2",
    styleUri: "https://r.test/rollouts.css",
    cspSource: "https://r.test",
    nonce: "n0nce",
    language: "zh-cn",
    bundle: { Reward: "</script><img src=y>" },
  });
  assert.match(
    html,
    /content="default-src &#39;none&#39;; img-src https:\/\/r\.test; font-src https:\/\/r\.test; connect-src https:\/\/r\.test; style-src https:\/\/r\.test; script-src &#39;nonce-n0nce&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"/,
  );
  assert.match(html, /<script defer nonce="n0nce" src="https:\/\/r\.test\/rollouts\.js\?a=1&amp;b=2"><\/script>/);
  assert.doesNotMatch(html, /<img|unsafe-inline|unsafe-eval/);
  assert.equal(escapeHtml(`<a href="x" title='y'>&`), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
});

test("titles of open viewers are unique, so that a panel finds its run again", () => {
  const first = { runDir: "/ws/runs/1-shapes", title: viewerTitle("/ws/runs/1-shapes", "shapes", []) };
  assert.equal(first.title, "Rollouts: shapes");
  assert.equal(viewerTitle(first.runDir, "shapes", [first]), "Rollouts: shapes");
  assert.equal(viewerTitle("/ws/runs/2-shapes", "shapes", [first]), "Rollouts: 2-shapes");
  assert.deepEqual(readOpenViewers([first, 3, { runDir: "/x" }, null]), [first]);
  assert.deepEqual(readOpenViewers("?"), []);
});
