import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UserError } from "../../protocol/errors.ts";
import type { TokenDetail } from "../../protocol/messages.ts";
import { isFailedGroup, type RolloutLine } from "../../protocol/records.ts";
import { openTokenizer } from "../embedded/tokenTexts.ts";
import { readRunRecord } from "../store/readRun.ts";
import { openRollouts, readTokens } from "../store/rollouts.ts";

/** Groups by their places; those that are not there are left out. */
export async function readPlaces(
  runDir: string,
  places: readonly { readonly step: number; readonly group: number }[],
): Promise<RolloutLine[]> {
  const rollouts = openRollouts(runDir);
  const lines: RolloutLine[] = [];
  for (const { step, group } of places) {
    const found = await rollouts.readStep(step).catch((error: unknown) => {
      if (UserError.is(error, "not-found")) return [];
      throw error;
    });
    lines.push(...found.filter((line) => line.group === group));
  }
  return lines;
}

export interface SearchParams {
  readonly runDir: string;
  readonly pattern: string;
  readonly isRegex: boolean;
  readonly isCaseSensitive: boolean;
}

/**
 * Completions whose text matches, newest step first; tells each step that has any.
 * @throws UserError unsupported for a regular expression that is none; the signal's reason
 */
export async function searchRollouts(
  params: SearchParams,
  signal: AbortSignal,
  onFound: (ids: readonly string[], searched: number) => void,
): Promise<{ found: number; searched: number }> {
  const matches = matcherOf(params);
  const rollouts = openRollouts(params.runDir);
  let [found, searched] = [0, 0];
  for (const step of [...(await rollouts.steps())].reverse()) {
    signal.throwIfAborted();
    await nextTurn(); // a cancellation is heard between two steps
    const completions = (await rollouts.readStep(step)).flatMap((line) =>
      isFailedGroup(line) ? [] : line.completions,
    );
    const ids = completions.filter(({ text }) => matches(text)).map(({ id }) => id);
    searched += completions.length;
    found += ids.length;
    if (ids.length > 0) onFound(ids, searched);
  }
  return { found, searched };
}

function matcherOf({ pattern, isRegex, isCaseSensitive }: SearchParams): (text: string) => boolean {
  if (!isRegex) {
    const fold = (text: string): string => (isCaseSensitive ? text : text.toLowerCase());
    const wanted = fold(pattern);
    return (text) => fold(text).includes(wanted);
  }
  try {
    const expression = new RegExp(pattern, isCaseSensitive ? "u" : "iu");
    return (text) => expression.test(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UserError({ code: "unsupported", where: pattern, message: `this is no regular expression: ${message}` });
  }
}

/** Tokens of a completion with their texts; null when the run kept none of this step. */
export async function readTokenDetails(place: {
  readonly runDir: string;
  readonly step: number;
  readonly group: number;
  readonly completion: number;
}): Promise<TokenDetail[] | null> {
  const { runDir, step, group, completion } = place;
  const { spec, baseDir } = await readRunRecord(runDir);
  const kept = await readTokens(runDir, step).catch((error: unknown) => {
    if (UserError.is(error, "not-found")) return [];
    throw error;
  });
  const tokens = kept.find(({ id }) => id === `${step}/${group}/${completion}`);
  if (tokens === undefined) return null;
  const tokenizer = await openTokenizer(path.resolve(baseDir, spec.policy.model));
  const { tokens_T, logprobs_T, entropies_T, refLogprobs_T, alternatives } = tokens;
  const texts = tokenizer.tokenTexts([...tokens_T]);
  const others = tokenizer.tokenTexts([...(alternatives?.tokens_TN ?? [])]);
  const count = alternatives?.count ?? 0;
  return texts.map((text, t) => ({
    text,
    logprob: logprobs_T[t] ?? 0,
    entropy: entropies_T[t] ?? 0,
    refLogprob: refLogprobs_T?.[t] ?? null,
    alternatives: Array.from({ length: count }, (_, n) => ({
      text: others[t * count + n] ?? "",
      logprob: alternatives?.logprobs_TN[t * count + n] ?? 0,
    })),
  }));
}
