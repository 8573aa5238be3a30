import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { UserError } from "../../src/protocol/errors.ts";
import { decodeIndex } from "../../src/protocol/rolloutIndex.ts";
import type { ViewerAnswer } from "../../src/protocol/viewerQueries.ts";
import { placesOfPrompt } from "../../src/extension/viewer/promptPlaces.ts";
import { ViewerAnswers, type AnswerPorts } from "../../src/extension/viewer/viewerAnswers.ts";
import { sampleGroups } from "../webview/sample.ts";
import { sampleIndex } from "../webview/sampleIndex.ts";

const blocks = decodeIndex(sampleIndex(3));
const query = { task: "--wall", rollouts: 96, pattern: "wall", isRegex: false, isCaseSensitive: false };

/** Answers over the sample's records; a test replaces what it is about. */
function answers(change: Partial<AnswerPorts> = {}) {
  const posted: ViewerAnswer[] = [];
  const failures: unknown[] = [];
  const ports: AnswerPorts = {
    index: async () => ({ file: "/runs/a/rollouts.index", bytes: 3, steps: 2 }),
    columns: async () => blocks,
    search: async () => ({ searched: 0 }),
    tokens: async () => null,
    scoreEdited: async () => [],
    runs: () => [{ runDir: "/runs/a", name: "a", steps: 3 }],
    group: async (_runDir, step) => sampleGroups(step)[0],
    openShortcuts: () => undefined,
    toUri: (file) => `uri:${file}`,
    post: (message) => posted.push(message),
    failed: (error) => failures.push(error),
    ...change,
  };
  return { posted, failures, answers: new ViewerAnswers(ports) };
}

test("each query is answered with what it asked for", async () => {
  const { posted, answers: host } = answers();
  await host.receive({ kind: "needIndex", steps: 2 });
  await host.receive({ kind: "needTokens", id: "1/0/0" });
  await host.receive({ kind: "needRuns" });
  await host.receive({ kind: "needOther", runDir: "/runs/a", step: 2, group: 0 });
  assert.deepEqual(posted.slice(0, 3), [
    { kind: "index", index: { uri: "uri:/runs/a/rollouts.index", bytes: 3, steps: 2 } },
    { kind: "tokens", id: "1/0/0", tokens: null },
    { kind: "runs", runs: [{ runDir: "/runs/a", name: "a", steps: 3 }] },
  ]);
  const other = posted[3];
  assert.ok(other?.kind === "other" && other.line?.step === 2);
});

test("places of a prompt are found in the columns, with the mean of its rewards", () => {
  const places = placesOfPrompt(blocks, { dataset: "tracking", example: "clip_102_1" });
  assert.deepEqual(
    places.map(({ step, group }) => [step, group]),
    [[2, 1]],
  );
  assert.ok(Math.abs((places[0]?.rewardMean ?? 0) - sampleGroups(2)[1].rewardMean) < 1e-6);
  assert.deepEqual(placesOfPrompt(blocks, { dataset: "clips", example: "broken_1" }), []);
});

test("what cannot be read is answered with the reason; only what nobody expected is reported too", async () => {
  const gone = new UserError({ code: "not-found", message: "the run folder is gone", where: "/runs/a" });
  const {
    posted,
    failures,
    answers: host,
  } = answers({
    index: () => Promise.reject(gone),
    columns: () => Promise.reject(new Error("EIO")),
    group: async () => null,
  });
  await host.receive({ kind: "needIndex", steps: 2 });
  assert.deepEqual(posted.pop(), { kind: "index", index: null, reason: "/runs/a: the run folder is gone." });
  assert.deepEqual(failures, []);
  const key = { runDir: "/runs/a", dataset: "d", example: "e" };
  await host.receive({ kind: "needPlaces", ...key });
  assert.deepEqual(posted.pop(), { kind: "places", ...key, places: [], reason: "EIO" });
  assert.equal(failures.length, 1);
  await host.receive({ kind: "needOther", runDir: "/runs/a", step: 9, group: 0 });
  const other = posted.pop();
  assert.ok(other?.kind === "other" && other.line === null && other.reason === "These rollouts are not on disk.");
});

test("a search tells what it finds in lots; a newer one, or a page that is gone, ends it", async () => {
  const signals: AbortSignal[] = [];
  const tellers: ((ids: readonly string[], searched: number) => void)[] = [];
  const {
    posted,
    failures,
    answers: host,
  } = answers({
    search: (_query, signal, onFound) => {
      signals.push(signal);
      tellers.push(onFound);
      return new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new UserError({ code: "cancelled", message: "cancelled" })));
        if (signals.length === 3) resolve({ searched: 96 });
      });
    },
  });
  const searched = [host.receive({ kind: "search", ...query })];
  await turn();
  tellers[0]?.(["3/0/1"], 32);
  searched.push(host.receive({ kind: "search", ...query, task: "--door", pattern: "door" }));
  await turn();
  tellers[0]?.(["2/0/1"], 64);
  tellers[1]?.(["3/0/2"], 32);
  await host.receive({ kind: "stopSearch" });
  tellers[1]?.(["2/0/2"], 64);
  searched.push(host.receive({ kind: "search", ...query }));
  await Promise.all(searched);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true, false],
  );
  assert.deepEqual(
    posted.map((message) => (message.kind === "found" ? [message.task, message.ids, message.isDone] : message)),
    [
      ["--wall", ["3/0/1"], false],
      ["--door", ["3/0/2"], false],
      ["--wall", [], true],
    ],
  );
  assert.deepEqual(failures, []);
});

test("a pattern that is no regular expression ends the search with the reason", async () => {
  const { posted, answers: host } = answers({
    search: () =>
      Promise.reject(new UserError({ code: "unsupported", where: "(", message: "this is no regular expression" })),
  });
  await host.receive({ kind: "search", ...query, pattern: "(", isRegex: true });
  assert.deepEqual(posted, [
    { kind: "found", task: "--wall", ids: [], searched: 0, isDone: true, reason: "(: this is no regular expression." },
  ]);
});

test("while rewards are computed, only the newest of the edits waits", async () => {
  const asked: string[] = [];
  const { posted, answers: host } = answers({
    scoreEdited: async (_step, _group, texts) => {
      asked.push(texts[0] ?? "");
      await turn();
      return [];
    },
  });
  const edit = (version: number) =>
    host.receive({ kind: "scoreEdited", step: 1, group: 0, version, texts: [`text ${version}`] });
  await Promise.all([edit(1), edit(2), edit(3), edit(4)]);
  assert.deepEqual(asked, ["text 1", "text 4"]);
  assert.deepEqual(
    posted.map((message) => (message.kind === "edited" ? message.version : message)),
    [1, 4],
  );
});
