import { readCheckpointConfig } from "../policy/checkpoint.ts";
import { modelDirOf } from "../policy/peftAdapter.ts";
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
  return readTokenizer(modelDirOf(dir), await readCheckpointConfig(dir));
}
