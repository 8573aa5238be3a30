import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { completionProgress } from "../../../src/engine/embedded/sampleProgress.ts";
import { readCheckpointConfig } from "../../../src/engine/policy/checkpoint.ts";
import { readTokenizer } from "../../../src/engine/policy/tokenizer.ts";
import type { GroupProgress, PromptRequest, SampledGroup, SampleParams } from "../../../src/engine/run/backend.ts";
import { spawnBackend, type BackendClient } from "../../../src/engine/run/backendClient.ts";
import { checkpointDir } from "../policy/tinyPolicy.ts";
import { buildBackend } from "../server/testEngine.ts";
import { makeRealWorkspace, realSpec, type RealWorkspace } from "./realRun.ts";

/** More tokens than anybody waits for: an untrained policy seldom ends by itself. */
const endless = 20_000;

let workspace: RealWorkspace;
let backend: BackendClient;
before(async () => {
  workspace = await makeRealWorkspace();
  const modulePath = await buildBackend(path.join(workspace.dir, "program"));
  backend = spawnBackend({ modulePath, onLog: (line) => console.error(line) });
  await backend.open({
    spec: realSpec(),
    baseDir: workspace.dir,
    checkpointDir: null,
    cacheDir: path.join(workspace.dir, "cache"),
    ffmpegPath: null,
    threads: 1,
    trains: false,
  });
});
after(async () => {
  await backend.close();
  fs.rmSync(workspace.dir, { recursive: true, force: true });
});

test("a watcher hears of the video first, then of texts that grow into the answer", async () => {
  const heard: (readonly GroupProgress[])[] = [];
  const params = asked([prompt("first", 1), prompt("second", 2)], 200);
  const groups = await backend.sample(params, { onProgress: (progress) => heard.push(progress) });
  const [first] = heard;
  assert.ok(first !== undefined && heard.length > 1, `${heard.length} times`);
  assert.deepEqual(
    first.map(({ key, video, completions }) => [key, path.basename(video.path), completions.length]),
    [
      ["first", "first.mp4", 0],
      ["second", "second.mp4", 0],
    ],
  );
  for (const [g, group] of groups.entries()) {
    assert.ok(group.ok);
    for (const [k, completion] of group.completions.entries()) {
      const texts = heard.map((progress) => progress[g]?.completions[k]?.text ?? "");
      for (const [i, text] of texts.entries()) {
        assert.ok(text.startsWith(texts[i - 1] ?? ""), "a text only grows");
        assert.ok(completion.text.startsWith(text), `${text} begins the answer`);
      }
    }
  }
  assert.deepEqual(completionsOf(await backend.sample(params)), completionsOf(groups), "watching changes nothing");
});

test("a cancel reaches a process that is sampling: it gives what it has, and goes on as if nothing had been", async () => {
  const before = await backend.sample(asked([prompt("first", 3)], 12));
  const abort = new AbortController();
  const cut = await backend.sample(asked([prompt("first", 3)], endless), {
    signal: abort.signal,
    onProgress: ([group]) => {
      if ((group?.completions[0]?.tokenCount ?? 0) > 0) abort.abort();
    },
  });
  const { failure, partial } = failed(cut[0]);
  assert.equal(failure.code, "cancelled");
  assert.equal(partial?.video.frameIndices.length, 4);
  const [completion] = partial.completions;
  assert.equal(partial.completions.length, 3);
  assert.ok(completion !== undefined && completion.tokenCount > 0 && completion.tokenCount < endless);
  assert.equal(completion.finishReason, null);
  assert.deepEqual(completionsOf(await backend.sample(asked([prompt("first", 3)], 12))), completionsOf(before));
});

test("a call that waits for its turn is cancelled without being begun", async () => {
  const running = new AbortController();
  const waiting = new AbortController();
  waiting.abort();
  const first = backend.sample(asked([prompt("first", 4)], endless), {
    signal: running.signal,
    onProgress: () => running.abort(),
  });
  const second = backend.sample(asked([prompt("second", 5)], endless), { signal: waiting.signal });
  assert.notEqual(failed((await first)[0]).partial, undefined);
  const { failure, partial } = failed((await second)[0]);
  assert.deepEqual([failure.code, partial], ["cancelled", undefined]);
});

test("training cannot take a cancelled group for one that ended", async () => {
  const abort = new AbortController();
  const params = { ...asked([prompt("first", 6)], endless), forTraining: true };
  await backend.sample(params, { signal: abort.signal, onProgress: () => abort.abort() });
  const groups = [{ key: "first", advantages_G: [1, -1, 0] }];
  await assert.rejects(
    backend.update({ iteration: 0, learningRate: 1e-3, groups }),
    /no rollouts of first to update on/,
  );
});

test("a text that grows ends before a character whose bytes are not all there", async () => {
  const dir = checkpointDir("policy/untied");
  const tokenizer = await readTokenizer(dir, await readCheckpointConfig(dir));
  const tokens = tokenizer.encode("A ball 🎈 rolls.");
  const textOf = (count: number) =>
    completionProgress({ tokens: tokens.slice(0, count), finishReason: null }, tokenizer).text;
  const texts = tokens.map((_, i) => textOf(i + 1));
  assert.ok(texts.includes("A ball "), "held back while the balloon comes");
  assert.ok(texts.every((text) => !text.includes("\uFFFD")));
  assert.equal(texts.at(-1), "A ball 🎈 rolls.");
  const torn = tokens.slice(0, texts.lastIndexOf("A ball ") + 1);
  const ended = completionProgress({ tokens: torn, finishReason: "length" }, tokenizer);
  assert.match(ended.text, /\uFFFD$/, "what has ended is shown as it is");
});

function prompt(video: "first" | "second", seed: number): PromptRequest {
  return { key: video, text: `When does ${video} move?`, videoPath: workspace.videos[video], seed };
}

function asked(prompts: readonly PromptRequest[], maxCompletionLength: number): SampleParams {
  const sampling = { temperature: 1, topP: 1, topK: 0, maxCompletionLength };
  return { prompts, groupSize: 3, sampling, forTraining: false };
}

/** Without what depends on the clock. */
function completionsOf(groups: readonly SampledGroup[]): readonly unknown[] {
  return groups.map((group) => (group.ok ? group.completions : assert.fail(group.failure.message)));
}

function failed(group: SampledGroup | undefined): Extract<SampledGroup, { ok: false }> {
  return group === undefined || group.ok ? assert.fail("expected a group that has failed") : group;
}
