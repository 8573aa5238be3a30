import path from "node:path";
import { caseSchema, type CaseExpectation } from "../../protocol/cases.ts";
import type { RewardPart } from "../../protocol/records.ts";
import { isWorkspaceReward } from "../../protocol/rewardSpec.ts";
import { readRunRecord } from "../store/readRun.ts";
import { findCompletions } from "./findCompletions.ts";
import { recordedCompletion, recordedExample } from "./recorded.ts";
import { resolveReward } from "./rescoreRun.ts";

/**
 * The line of a case file that pins a recorded rollout: its completion, its example, and its recorded outcome as what is
 * expected. Whoever pins a rollout that is wrong then writes the value that is right.
 * @throws UserError not-found
 */
export async function caseOfRollout(params: {
  readonly runDir: string;
  readonly id: string;
  /** Name of a reward of the run. */
  readonly reward: string;
  readonly casesFile: string;
}): Promise<{ line: string; name: string }> {
  const { runDir, id, casesFile } = params;
  const { spec, baseDir } = await readRunRecord(runDir);
  const reward = resolveReward({ kind: "named", name: params.reward }, spec, runDir);
  const [record] = await findCompletions(runDir, [id]);
  const completion = record?.completions[0];
  if (record === undefined || completion === undefined)
    throw new Error("internal: a rollout was found and is not there");
  const relative = (file: string): string => path.relative(path.dirname(casesFile), file).split(path.sep).join("/");
  const { parsed: _, ...answer } = recordedCompletion(completion);
  const example = recordedExample(record);
  const name = `${params.reward}: ${record.exampleId}, ${id} of ${path.basename(runDir)}`;
  const pinned = {
    name,
    reward: isWorkspaceReward(reward) ? { ...reward, file: relative(path.resolve(baseDir, reward.file)) } : reward,
    completion: answer,
    example: { ...example, videoPath: relative(example.videoPath) },
    expect: expectationOf(completion.rewards.find((part) => part.name === params.reward)),
  };
  caseSchema.parse(pinned); // what is written can be read
  return { line: JSON.stringify(pinned), name };
}

/** A number comes back the same within a thousandth: other machines round otherwise. */
function expectationOf(part: RewardPart | undefined): CaseExpectation {
  if (part?.error !== undefined) return { error: part.error.kind };
  if (part === undefined || part.value === null) return { applies: false };
  const reason = part.reason === undefined ? {} : { reason: part.reason };
  return { min: round(part.value - 0.0005), max: round(part.value + 0.0005), ...reason };
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
