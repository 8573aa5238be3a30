import fs from "node:fs/promises";
import path from "node:path";
import { readPolicyConfig } from "../policy/config.ts";
import { readTokenizer, type PolicyTokenizer } from "../policy/tokenizer.ts";

const opened = new Map<string, Promise<PolicyTokenizer>>();

/** The tokenizer of a checkpoint, without its weights; kept, since a window looks at one run for long. @throws UserError "bad-checkpoint" */
export function openTokenizer(dir: string): Promise<PolicyTokenizer> {
  const known = opened.get(dir);
  if (known !== undefined) return known;
  const opening = open(dir);
  opened.set(dir, opening);
  opening.catch(() => opened.delete(dir));
  return opening;
}

async function open(dir: string): Promise<PolicyTokenizer> {
  const file = path.join(dir, "config.json");
  return readTokenizer(dir, readPolicyConfig(JSON.parse(await fs.readFile(file, "utf8")), file));
}
