import fs from "node:fs";
import type { HostGroup } from "../hostProtocol.ts";
import type { ReplayFile } from "../replayFile.ts";
import { callForBatch, callForEach } from "./callReward.ts";

/**
 * Calls a function on recorded rollouts, one after the other, with nothing of ours in between: no time limit, no other
 * process. A function that takes batches gets whole groups. Prints what each call returns. The debugger starts this; it
 * reads in `videoRftRollout` which rollout the function is at.
 */
export async function replay(
  file: string,
  importModule: (file: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  // SAFETY: written by the service of the same version just before.
  const { reward, groups } = JSON.parse(fs.readFileSync(file, "utf8")) as ReplayFile;
  const called = (await importModule(reward.file))[reward.function];
  if (typeof called !== "function") throw new Error(`${reward.file} exports no function ${reward.function}`);
  const call = reward.signature === "batch" ? callForBatch : callForEach;
  for (const group of reward.signature === "batch" ? groups : groups.flatMap(single)) {
    const ids = group.completions.map(({ id }) => id);
    Object.assign(globalThis, { videoRftRollout: ids.join(" ") });
    // SAFETY: it is a function, and its result is checked.
    await call(called as (...args: unknown[]) => unknown, [group], {
      isCareful: true,
      tell: (index, outcome) => {
        const told = JSON.stringify(outcome.ok ? outcome.output : outcome.error);
        process.stdout.write(`${ids[index]}: ${told}\n`);
      },
    });
  }
}

function single(group: HostGroup): HostGroup[] {
  return group.completions.map((completion) => ({ ...group, completions: [completion] }));
}
