import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { prepareContent, prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { readTokenizer, type ChatMessage, type TurnPart } from "../../../src/engine/policy/tokenizer.ts";
import { framesOf, timestampTexts, visualKey, type Visual } from "../../../src/engine/policy/visuals.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import { accumulateTarget } from "../../../src/engine/sft/sftStep.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { checkpointDir, readJson, tinyClip, withPolicy } from "./tinyPolicy.ts";

const configOf = (name: "tied" | "qwen3-vl") =>
  readPolicyConfig(readJson(path.join(checkpointDir(`policy/${name}`), "config.json")), "config.json");
const qwen3 = configOf("qwen3-vl");

function clip(frameIndices: readonly number[], fps: number, timestampsSec?: readonly number[]): Visual {
  const size = { frames: frameIndices.length, height: 32, width: 32, duration: 4 };
  const made = tinyClip({ ...size, indices: frameIndices, fps });
  return { kind: "video", clip: { ...made, seen: { ...made.seen, ...(timestampsSec && { timestampsSec }) } } };
}

test("the time of a temporal patch is the middle of its frames, written as Python's %.1f", () => {
  // 0.25 and 0.75 are ties, which go to the even digit; 0.35 in floating point is just below one.
  assert.deepEqual(timestampTexts(clip([0, 1, 2, 4, 7, 7], 2), qwen3), [
    "<0.2 seconds>",
    "<1.5 seconds>",
    "<3.5 seconds>",
  ]);
  assert.deepEqual(timestampTexts(clip([1, 2], 2), qwen3), ["<0.8 seconds>"]);
  assert.deepEqual(timestampTexts(clip([3, 4], 10), qwen3), ["<0.3 seconds>"]);
  assert.equal(timestampTexts(clip([0, 1], 2), configOf("tied")), null);
});

test("where the timestamps are not those of a constant rate they are what is told; their resolution is no such thing", () => {
  assert.deepEqual(timestampTexts(clip([0, 1, 2, 3], 1, [0, 0.2, 3, 3.4]), qwen3), ["<0.1 seconds>", "<3.2 seconds>"]);
  // 0.25 s is a tie: a third of a millisecond more would be written as 0.3.
  assert.deepEqual(timestampTexts(clip([0, 1], 2, [0, 0.5003]), qwen3), ["<0.2 seconds>"]);
});

test("a picture is a still of two frames, and has a key of its own", () => {
  const picture = { key: "a", widthPx: 2, heightPx: 1, pixels_HWC: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  assert.deepEqual([...framesOf({ kind: "image", picture }, qwen3)], [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
  assert.notEqual(
    visualKey({ kind: "image", picture }),
    visualKey({ kind: "image", picture: { ...picture, key: "b" } }),
  );
});

test("visual tokens in a text are told, whether anything is shown or not", async () => {
  const tokenizer = await readTokenizer(checkpointDir("policy/tied"), configOf("tied"));
  const image: TurnPart = { kind: "image", tokens: 4, timestamps: null };
  const text = (words: string): TurnPart => ({ kind: "text", text: words });
  const user = (...content: TurnPart[]): ChatMessage<TurnPart> => ({ role: "user", content });
  const answered = { role: "assistant", text: "<|image_pad|>" } as const;
  for (const messages of [
    [user(image, text("<|image_pad|>"))],
    [user(image, text("What?")), answered, user(text("Why?"))],
    [user(text("<|vision_start|><|image_pad|><|vision_end|>"), text("When?"))],
  ]) {
    assert.throws(
      () => tokenizer.encodePrompt(messages),
      (error) => UserError.is(error, "bad-data") && error.message.includes("<|image_pad|>"),
    );
  }
});

test("a prompt of text alone is answered and learned from, and is not changed by the vision tower", () =>
  withPolicy(checkpointDir("policy/qwen3-vl"), {}, async ({ policy, optimizer }) => {
    const prompt = prepareContent([{ kind: "text", text: "Hello" }], policy.tokenizer, policy.config);
    assert.deepEqual([prompt.visualTokens, prompt.lastPosition], [0, prompt.ids.length - 1]);
    const options = { temperature: 0, topP: 1, topK: 0, groupSize: 1, maxCompletionLength: 4 };
    const [[completion] = []] = await sampleGroups(policy, [{ prompt, seed: 1 }], options);
    assert.equal(completion?.tokens_T.length, 4);
    const loss = await accumulateTarget(policy, optimizer, { prompt, tokens_G_T: [completion.tokens_T] }, 4);
    assert.ok(Math.abs(loss + completion.logprobs_T.reduce((sum, x) => sum + x, 0) / 4) < 1e-4, `loss ${loss}`);
    for (const [name, gradient] of optimizer.gradients)
      assert.equal(
        gradient.every((x) => x === 0),
        name.startsWith("visual."),
        name,
      );
  }));

test("tokens and visuals have to agree", () => {
  const visuals = [clip([0, 1], 2)];
  assert.throws(() => prepareTokens([1, qwen3.videoTokenId, 2], [...visuals, ...visuals], qwen3), /1 visual tokens/);
});
