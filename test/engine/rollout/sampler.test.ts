import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPolicy, type OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { referenceLogprobs } from "../../../src/engine/grpo/grpoStep.ts";
import { completionBatch, unpad } from "../../../src/engine/policy/completionBatch.ts";
import { completionLogprobs } from "../../../src/engine/policy/completionPass.ts";
import type { PreparedPrompt } from "../../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../../src/engine/policy/promptKv.ts";
import { sampleGroups, type Completion, type SamplerOptions } from "../../../src/engine/rollout/sampler.ts";
import { checkpointDir, maxDifference, tinyClip, tinyPrompt, tinySpec } from "../policy/tinyPolicy.ts";

const dir = checkpointDir("grpo/checkpoint");
const options: SamplerOptions = { temperature: 1, topP: 1, topK: 0, groupSize: 3, maxCompletionLength: 40 };

let opened: OpenedPolicy;
let short: PreparedPrompt;
let long: PreparedPrompt;
before(async () => {
  opened = await openPolicy(tinySpec(dir), "", null, 1);
  const { config } = opened.policy;
  short = tinyPrompt(config, tinyClip({ frames: 2, height: 16, width: 16, duration: 1 }), [31, 7, 99]);
  // Longer than one bucket of the sampler's padding.
  const words = Array.from({ length: 70 }, (_, i) => (i * 37) % 250);
  long = tinyPrompt(config, tinyClip({ frames: 4, height: 16, width: 24, duration: 2.5 }), words);
});
after(() => opened.policy.graphs.dispose());

test("the same seed gives the same tokens, another seed and another index others", async () => {
  const first = await sampleOne(short, 5, options);
  assert.deepEqual(await sampleOne(short, 5, options), first);
  assert.notDeepEqual(tokensOf(await sampleOne(short, 6, options)), tokensOf(first));
  const rows = tokensOf(first).map((row) => row.join());
  assert.equal(new Set(rows).size, 3, "completions of a group differ");
});

test("a group's completions do not depend on what else is sampled with it", async () => {
  const requests = [
    { prompt: short, seed: 5 },
    { prompt: long, seed: 1 },
    { prompt: short, seed: 2 },
  ];
  const together = await sampleGroups(opened.policy, requests, options);
  for (const [i, { prompt, seed }] of requests.entries()) {
    const alone = await sampleOne(prompt, seed, options);
    assert.deepEqual(tokensOf(together[i] ?? []), tokensOf(alone), `group ${i}`);
    alone.forEach(({ logprobs_T }, k) => {
      const difference = maxDifference(together[i]?.[k]?.logprobs_T ?? [], logprobs_T);
      assert.ok(difference < 1e-5, `log-probabilities differ by ${difference}`);
    });
  }
  const fewer = await sampleOne(short, 5, { ...options, groupSize: 2 });
  assert.deepEqual(tokensOf(fewer), tokensOf(together[0] ?? []).slice(0, 2), "nor on the size of its group");
});

for (const temperature of [1, 0.7]) {
  test(`sampler and trainer agree on the log-probabilities of the sampled tokens, temperature ${temperature}`, async () => {
    for (const prompt of [short, long]) {
      const sampled = await sampleOne(prompt, 3, { ...options, temperature, topP: 0.9, topK: 50 });
      const tokens_G_T = sampled.map((completion) => completion.tokens_T);
      const group = { prompt, tokens_G_T, oldLogprobs_G_T: [], advantages_G: [], isMasked_G: [] };
      const trained = await referenceLogprobs(opened.policy, group, temperature);
      sampled.forEach(({ logprobs_T }, k) => {
        const difference = maxDifference(trained[k] ?? [], logprobs_T);
        assert.ok(difference < 1e-4, `completion ${k} differs by ${difference}`);
      });
    }
  });
}

test("the most likely tokens are kept beside each sampled one where they are asked for", async () => {
  const [completion] = await sampleOne(short, 3, { ...options, temperature: 0, keepTopTokens: 3 });
  const { tokens_T, logprobs_T, alternatives } = completion ?? assert.fail("no completion");
  assert.equal(alternatives?.count, 3);
  tokens_T.forEach((token, t) => {
    assert.equal(alternatives.tokens_TN[3 * t], token, "greedy takes the likeliest");
    assert.ok(Math.abs((alternatives.logprobs_TN[3 * t] ?? 0) - (logprobs_T[t] ?? 1)) < 1e-6);
  });
  assert.equal((await sampleOne(short, 3, options))[0]?.alternatives, undefined);
});

test("entropies of the sampler are those of the trainer", async () => {
  const sampled = await sampleOne(short, 3, options);
  const { entropies_G_T } = await trainerNumbers(short, sampled, 16);
  sampled.forEach(({ entropies_T }, k) => {
    const difference = maxDifference(entropies_G_T[k] ?? [], entropies_T);
    assert.ok(difference < 1e-4, `completion ${k} differs by ${difference}`);
  });
});

test("padding changes nothing: of the prompt, and of the completions", async () => {
  const sampled = await sampleOne(long, 3, options);
  const known = await trainerNumbers(long, sampled, 0);
  for (const extra of [16, 64]) {
    const padded = await trainerNumbers(long, sampled, extra);
    known.logprobs_G_T.forEach((row, k) => {
      const difference = maxDifference(padded.logprobs_G_T[k] ?? [], row);
      assert.ok(difference < 1e-5, `${extra} more: completion ${k} differs by ${difference}`);
    });
  }
});

test("a completion ends with the end-of-sequence token, which counts, or at the longest length", async () => {
  const { config } = opened.policy;
  // Almost every token ends the completion here.
  const eosTokenIds = Array.from({ length: 200 }, (_, i) => i);
  const policy = { ...opened.policy, config: { ...config, eosTokenIds } };
  const [group = []] = await sampleGroups(policy, [{ prompt: short, seed: 4 }], { ...options, groupSize: 8 });
  for (const { tokens_T, logprobs_T, entropies_T, finishReason } of group) {
    const ends = [...tokens_T].map((token) => eosTokenIds.includes(token));
    assert.equal(ends.indexOf(true), finishReason === "eos" ? tokens_T.length - 1 : -1);
    assert.deepEqual([logprobs_T.length, entropies_T.length], [tokens_T.length, tokens_T.length]);
  }
  assert.ok(group.filter(({ finishReason }) => finishReason === "eos").length >= 6);
  assert.ok(new Set(group.map(({ tokens_T }) => tokens_T.length)).size > 1, "rows end at different steps");
  const one = await sampleOne(short, 4, { ...options, maxCompletionLength: 1 });
  assert.deepEqual(
    one.map(({ tokens_T, finishReason }) => [tokens_T.length, finishReason]),
    [1, 1, 1].map((length) => [length, "length"]),
  );
});

test("a prompt whose completions have all ended is let go, and the others go on as if alone", async () => {
  const options40 = { ...options, maxCompletionLength: 40 };
  const endsAtOnce = tokensOf(await sampleOne(short, 5, options40)).map((tokens) => tokens[0] ?? 0);
  const policy = { ...opened.policy, config: { ...opened.policy.config, eosTokenIds: endsAtOnce } };
  const requests = [
    { prompt: short, seed: 5 },
    { prompt: long, seed: 1 },
    { prompt: short, seed: 2 },
  ];
  const together = await sampleGroups(policy, requests, options40);
  assert.deepEqual(
    together[0]?.map(({ tokens_T }) => tokens_T.length),
    [1, 1, 1],
  );
  for (const [i, request] of requests.slice(1).entries()) {
    const [alone = []] = await sampleGroups(policy, [request], options40);
    assert.deepEqual(tokensOf(together[i + 1] ?? []), tokensOf(alone), `group ${i + 1}`);
    assert.ok(
      alone.some(({ tokens_T }) => tokens_T.length > 32),
      "goes on after the buffers have grown",
    );
  }
});

test("a row that has ended does not change the rows beside it", async () => {
  const whole = tokensOf(await sampleOne(short, 5, options));
  const stop = whole[0]?.[3] ?? 0;
  const policy = { ...opened.policy, config: { ...opened.policy.config, eosTokenIds: [stop] } };
  const [cut = []] = await sampleGroups(policy, [{ prompt: short, seed: 5 }], options);
  tokensOf(cut).forEach((tokens, k) => {
    const end = (whole[k] ?? []).indexOf(stop);
    assert.deepEqual(tokens, end < 0 ? whole[k] : whole[k]?.slice(0, end + 1));
  });
});

test("sampling that is aborted gives what it has, each completion a beginning of the whole one", async () => {
  const whole = await sampleOne(short, 1, options);
  const abort = new AbortController();
  const lengths: number[] = [];
  const onToken: SamplerOptions["onToken"] = ([group = []]) => {
    lengths.push(Math.max(...group.map(({ tokens }) => tokens.length)));
    if (lengths.length === 5) abort.abort();
  };
  const cut = await sampleOne(short, 1, { ...options, signal: abort.signal, onToken });
  assert.deepEqual(lengths, [1, 2, 3, 4, 5]);
  cut.forEach(({ tokens_T, logprobs_T, finishReason }, k) => {
    const length = Math.min(5, whole[k]?.tokens_T.length ?? 0);
    assert.deepEqual([...tokens_T], [...(whole[k]?.tokens_T.subarray(0, length) ?? [])]);
    assert.equal(logprobs_T.length, length);
    assert.equal(finishReason, length < 5 ? "eos" : null, "one that had ended stays ended");
  });
  const none = await sampleOne(short, 1, { ...options, signal: abort.signal });
  assert.deepEqual(
    none.map(({ tokens_T, finishReason }) => [tokens_T.length, finishReason]),
    none.map(() => [0, null]),
  );
});

async function sampleOne(prompt: PreparedPrompt, seed: number, given: SamplerOptions): Promise<readonly Completion[]> {
  const [group] = await sampleGroups(opened.policy, [{ prompt, seed }], given);
  assert.ok(group);
  return group;
}

function tokensOf(group: readonly Completion[]): number[][] {
  return group.map(({ tokens_T }) => [...tokens_T]);
}

/** Log-probabilities and entropies by the trainer's graph, with prompt and completions padded by so many more. */
async function trainerNumbers(prompt: PreparedPrompt, sampled: readonly Completion[], extra: number) {
  const { policy } = opened;
  const wide = extra === 0 ? prompt : widened(prompt, extra);
  const tokens = sampled.map(({ tokens_T }) => tokens_T);
  const filler = new Int32Array(Math.max(...tokens.map((row) => row.length)) + extra);
  const batch = completionBatch([...tokens, filler], prompt.lastToken, policy.config.padTokenId);
  const kv = await computePromptKv(policy, wide);
  const computed = await completionLogprobs(policy, { prompt: wide, kv, batch, temperature: 1 });
  const rows = (data_N: Float32Array): Float32Array[] => unpad(batch, data_N).slice(0, tokens.length);
  return { logprobs_G_T: rows(computed.logprobs_N), entropies_G_T: rows(computed.entropies_N) };
}

function widened(prompt: PreparedPrompt, extra: number): PreparedPrompt {
  const grow = <T extends BigInt64Array | Uint8Array | Float32Array>(data: T): T => {
    const make = data.constructor as new (length: number) => T;
    const wide = new make((data.length / prompt.paddedLength) * (prompt.paddedLength + extra));
    (wide as { set(from: T): void }).set(data);
    return wide;
  };
  const { prompt_ids, visual_rows, is_visual, prompt_cos, prompt_sin } = prompt.feeds;
  return {
    ...prompt,
    paddedLength: prompt.paddedLength + extra,
    feeds: {
      prompt_ids: grow(prompt_ids),
      visual_rows: grow(visual_rows),
      is_visual: grow(is_visual),
      prompt_cos: grow(prompt_cos),
      prompt_sin: grow(prompt_sin),
    },
  };
}
