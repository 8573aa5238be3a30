import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { readPolicyConfig } from "../../src/engine/policy/config.ts";
import { prepareMessages, type ContentPart } from "../../src/engine/policy/preparedPrompt.ts";
import { readTokenizer, type ChatMessage } from "../../src/engine/policy/tokenizer.ts";
import { readJson, tinyContent, type TinyPart } from "../engine/policy/tinyPolicy.ts";

/** Compares the token ids of prompts with those that makePrompts.py has written. `npm run test:python`. */
interface Prompt {
  /** The first turn. */
  readonly content: readonly TinyPart[];
  /** An answer and the user's turn after it, each. */
  readonly replies: readonly (readonly [string, string])[];
  readonly ids: readonly number[];
}

const [dir = ""] = process.argv.slice(2);
for (const architecture of fs.readdirSync(dir)) {
  const folder = path.join(dir, architecture);
  const config = readPolicyConfig(readJson(path.join(folder, "config.json")), "config.json");
  const tokenizer = await readTokenizer(folder, config);
  const prompts = readJson<readonly Prompt[]>(path.join(folder, "prompts.json"));
  for (const { content, replies, ids } of prompts) {
    const later = replies.flatMap(([answer, text]): ChatMessage<ContentPart>[] => [
      { role: "assistant", text: answer },
      { role: "user", content: [{ kind: "text", text }] },
    ]);
    const messages = [{ role: "user", content: tinyContent(content) } as const, ...later];
    assert.deepEqual(prepareMessages(messages, tokenizer, config).ids, ids, JSON.stringify([content, replies]));
  }
  console.log(`${architecture}: ${prompts.length} prompts have the same tokens`);
}
