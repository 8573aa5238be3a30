/** A completion of a run, as addresses name it. */
export interface RolloutAddress {
  /** Name of the run's folder. */
  readonly run: string;
  readonly step: number;
  readonly group: number;
  readonly completion: number; // k
}

/** "12/3/5" */
export function rolloutId({ step, group, completion }: Omit<RolloutAddress, "run">): string {
  return `${step}/${group}/${completion}`;
}

/** `/run/12/3/5`; whatever follows is a title for the tab and says nothing. undefined for anything else. */
export function parseRolloutPath(text: string): RolloutAddress | undefined {
  const match = /^\/([^/]+)\/(\d+)\/(\d+)\/(\d+)(?:\/[^/]*)?$/.exec(text);
  if (match === null) return undefined;
  const [, run = "", step, group, completion] = match;
  return { run, step: Number(step), group: Number(group), completion: Number(completion) };
}

/** Path of a document: a tab shows the last part, which "5" alone would not do. */
export function documentPath({ run, step, group, completion }: RolloutAddress): string {
  return `/${run}/${step}/${group}/${completion}/${step}·${group}·${completion} of ${run}`;
}

/** Links in a row of a terminal. */
export function findRolloutLinks(
  row: string,
): readonly { readonly start: number; readonly length: number; readonly address: RolloutAddress }[] {
  return [...row.matchAll(/\brft:(\/[^\s/]+\/\d+\/\d+\/\d+)\b/g)].flatMap((match) => {
    const address = parseRolloutPath(decode(match[1] ?? ""));
    return address === undefined ? [] : [{ start: match.index, length: match[0].length, address }];
  });
}

/** `vscode://video-rft.video-rft/rollout/run/12/3/5`: path and authority of an address from outside. */
export function parseOutsidePath(text: string): RolloutAddress | undefined {
  return text.startsWith("/rollout/") ? parseRolloutPath(text.slice("/rollout".length)) : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
