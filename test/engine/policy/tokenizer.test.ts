import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { preparePrompt } from "../../../src/engine/policy/preparedPrompt.ts";
import { readTokenizer, type ChatMessage, type TurnPart } from "../../../src/engine/policy/tokenizer.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { changeJson, copyOf, says } from "./brokenCheckpoint.ts";
import { checkpointDir, readJson, tinyClip } from "./tinyPolicy.ts";

const tied = checkpointDir("policy/tied");
const config = readPolicyConfig(readJson(path.join(tied, "config.json")), "config.json");

test("files that are missing or broken are named", async () => {
  const broken: readonly [string, string | null, RegExp][] = [
    ["tokenizer.json", null, /tokenizer\.json: .*missing or not readable JSON/],
    ["tokenizer.json", "{", /tokenizer\.json: .*missing or not readable JSON/],
    ["tokenizer.json", "{}", /tokenizer\.json: .*cannot be used/],
    ["tokenizer_config.json", null, /tokenizer_config\.json: .*missing/],
    ["chat_template.jinja", null, /no chat template/],
    ["chat_template.jinja", "{% for x in %}", /chat_template\.jinja: .*cannot be used/],
  ];
  for (const [name, content, message] of broken) {
    const dir = copyOf(tied);
    fs.rmSync(path.join(dir, name));
    if (content !== null) fs.writeFileSync(path.join(dir, name), content);
    await assert.rejects(readTokenizer(dir, config), says(message), `${name} ${content}`);
  }
});

test("the chat template may stand in tokenizer_config.json or chat_template.json", async () => {
  const known = (await readTokenizer(tied, config)).encodePrompt(asked("When?"));
  const template = fs.readFileSync(path.join(tied, "chat_template.jinja"), "utf8");
  const inline = copyOf(tied);
  fs.rmSync(path.join(inline, "chat_template.jinja"));
  changeJson(inline, "tokenizer_config.json", (settings) => ({ ...settings, chat_template: template }));
  assert.deepEqual((await readTokenizer(inline, config)).encodePrompt(asked("When?")), known);
  const beside = copyOf(tied);
  fs.rmSync(path.join(beside, "chat_template.jinja"));
  fs.writeFileSync(path.join(beside, "chat_template.json"), JSON.stringify({ chat_template: template }));
  assert.deepEqual((await readTokenizer(beside, config)).encodePrompt(asked("When?")), known);
  assert.equal(known.filter((id) => id === config.videoTokenId).length, 3);
});

test("a video token in the text, and a template without one, are told", async () => {
  const tokenizer = await readTokenizer(tied, config);
  assert.throws(
    () => tokenizer.encodePrompt(asked("What is <|video_pad|> there?")),
    (error) => UserError.is(error, "bad-data") && error.message.includes("What is <|video_pad|> there?"),
  );
  const dir = copyOf(tied);
  fs.writeFileSync(path.join(dir, "chat_template.jinja"), "{{ messages[0]['role'] }}");
  const blind = await readTokenizer(dir, config);
  assert.throws(() => blind.encodePrompt(asked("When?")), says(/chat_template\.jinja: .*no place for a video/));
});

test("a tokenizer of a text-only model, without the tokens of what is seen, is refused", async () => {
  const dir = copyOf(tied);
  changeJson(dir, "tokenizer.json", (json) => ({
    ...json,
    // SAFETY: the fixture's own file.
    added_tokens: (json["added_tokens"] as { content: string }[]).filter(({ content }) => !content.includes("video")),
  }));
  const message = new RegExp(`tokenizer\\.json: .*no token ${config.videoTokenId}, .*video_token_id`);
  await assert.rejects(readTokenizer(dir, config), says(message));
});

test("what was said before a question stands before it, the video in the first turn", async () => {
  const tokenizer = await readTokenizer(tied, config);
  const clip = tinyClip({ frames: 4, height: 56, width: 56, duration: 2 });
  const first = preparePrompt("When?", clip, tokenizer, config);
  const next = preparePrompt("Why then?", clip, tokenizer, config, [{ prompt: "When?", answer: "At 1.5 s." }]);
  const said = tokenizer.encode("At 1.5 s.<|im_end|>\n<|im_start|>user\nWhy then?<|im_end|>\n<|im_start|>assistant\n");
  assert.deepEqual(next.ids, [...first.ids, ...said]);
  assert.equal(next.visualTokens, first.visualTokens);
  assert.equal(next.lastPosition - first.lastPosition, said.length);
});

test("a prompt that the policy has no positions for fails by itself, with its numbers", async () => {
  const tokenizer = await readTokenizer(tied, config);
  const clip = tinyClip({ frames: 4, height: 56, width: 56, duration: 2 });
  const { ids, visualTokens } = preparePrompt("When?", clip, tokenizer, config);
  const short = { ...config, text: { ...config.text, contextLength: ids.length } };
  assert.throws(
    () => preparePrompt("When?", clip, tokenizer, short),
    (error) =>
      UserError.is(error, "bad-video") &&
      error.message.includes(`${ids.length} tokens, ${visualTokens} of them visual`) &&
      error.hint?.includes("video.maxFrames") === true,
  );
});

test("text goes to tokens and back, byte by byte where the vocabulary has no word", async () => {
  const tokenizer = await readTokenizer(tied, config);
  for (const text of ["When does it move?", "  two  blanks\n\n", "Čeština 中文 🟥", "<think>x</think>", "don't"]) {
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
  assert.equal(tokenizer.decode([]), "");
  const [end = 0] = config.eosTokenIds;
  assert.equal(tokenizer.decode([...tokenizer.encode("done"), end]), "done");
});

/** A turn of a video of three tokens and a text. */
function asked(text: string): ChatMessage<TurnPart>[] {
  const video = { kind: "video", tokens: 3, timestamps: null } as const;
  return [{ role: "user", content: [video, { kind: "text", text }] }];
}
