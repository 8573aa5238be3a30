import { UserError } from "../../protocol/errors.ts";
import { isFailedGroup, type GroupRecord } from "../../protocol/records.ts";
import { openRollouts } from "../store/rollouts.ts";

/** Place of a completion in a run: "<step>/<group>/<k>". */
export interface CompletionPlace {
  readonly step: number;
  readonly group: number;
  readonly completion: number;
}

/** @throws UserError not-found when the text is no place */
export function parseCompletionId(id: string): CompletionPlace {
  const match = /^(\d+)\/(\d+)\/(\d+)$/.exec(id);
  if (match === null) {
    throw new UserError({ code: "not-found", where: id, message: "expected a rollout as <step>/<group>/<number>" });
  }
  return { step: Number(match[1]), group: Number(match[2]), completion: Number(match[3]) };
}

/**
 * Recorded groups with only the completions that are asked for, in the order of the groups.
 * @throws UserError not-found for a completion that is not there
 */
export async function findCompletions(runDir: string, ids: readonly string[]): Promise<GroupRecord[]> {
  return find(runDir, ids, (group, wanted) => ({
    ...group,
    completions: group.completions.filter((_, k) => wanted.has(k)),
  }));
}

/** The same groups whole. */
export async function findGroups(runDir: string, ids: readonly string[]): Promise<GroupRecord[]> {
  return find(runDir, ids, (group) => group);
}

async function find(
  runDir: string,
  ids: readonly string[],
  keep: (group: GroupRecord, wanted: ReadonlySet<number>) => GroupRecord,
): Promise<GroupRecord[]> {
  const rollouts = openRollouts(runDir);
  const byGroup = new Map<string, Set<number>>();
  for (const { step, group, completion } of ids.map(parseCompletionId)) {
    const key = `${step}/${group}`;
    byGroup.set(key, (byGroup.get(key) ?? new Set<number>()).add(completion));
  }
  const found: GroupRecord[] = [];
  for (const [key, wanted] of byGroup) {
    const [step = 0, group = 0] = key.split("/").map(Number);
    const line = (await rollouts.readStep(step)).find((candidate) => candidate.group === group);
    if (line === undefined || isFailedGroup(line) || [...wanted].some((k) => line.completions[k] === undefined)) {
      throw new UserError({
        code: "not-found",
        where: runDir,
        message: `there is no rollout ${key}/${[...wanted].join()}`,
      });
    }
    found.push(keep(line, wanted));
  }
  return found;
}
