import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { readPolicyConfig } from "../../src/engine/policy/config.ts";
import { prepareContent } from "../../src/engine/policy/preparedPrompt.ts";
import { readTokenizer } from "../../src/engine/policy/tokenizer.ts";
import { readJson, tinyContent, type TinyPart } from "../engine/policy/tinyPolicy.ts";

/** Compares the token ids of prompts with those that makePrompts.py has written. `npm run test:python`. */
interface Prompt {
  readonly content: readonly TinyPart[];
  readonly ids: readonly number[];
}

const [dir = ""] = process.argv.slice(2);
for (const architecture of fs.readdirSync(dir)) {
  const folder = path.join(dir, architecture);
  const config = readPolicyConfig(readJson(path.join(folder, "config.json")), "config.json");
  const tokenizer = await readTokenizer(folder, config);
  const prompts = readJson<readonly Prompt[]>(path.join(folder, "prompts.json"));
  for (const { content, ids } of prompts) {
    assert.deepEqual(prepareContent(tinyContent(content), tokenizer, config).ids, ids, JSON.stringify(content));
  }
  console.log(`${architecture}: ${prompts.length} prompts have the same tokens`);
}
