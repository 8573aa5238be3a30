import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { GroupRecord, RolloutLine } from "../../../src/protocol/records.ts";
import type { OtherRun, PromptKey, PromptPlace, ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";
import { isEqual } from "../equality.ts";
import { nearestIndex } from "../geometry.ts";

/** The other side of a comparison: the same prompt at another step, or in another run. */
export interface CompareState {
  readonly runDir: string;
  /** Step that the user wants; the nearest one at which the prompt was rolled out is shown. Null: the first that is not shown already. */
  readonly wantedStep: number | null;
  /** The prompt that `places` belong to; another one while they are on their way. */
  readonly key: PromptKey | null;
  readonly places: readonly PromptPlace[] | null;
  readonly problem: string | null;
  readonly line: RolloutLine | null;
}

export type CompareEvent =
  | { readonly kind: "compareOpen"; readonly isOpen: boolean }
  | { readonly kind: "compareRun"; readonly runDir: string }
  | { readonly kind: "compareStep"; readonly step: number };

/** What the page shows on its own side, which the other side follows. */
export interface ComparedWith {
  readonly runDir: string;
  readonly line: RolloutLine | null;
}

export type Runs = readonly OtherRun[];

export function openCompare(runDir: string): CompareState {
  return { runDir, wantedStep: null, key: null, places: null, problem: null, line: null };
}

export function updateCompare(
  compare: CompareState,
  event: Exclude<CompareEvent, { kind: "compareOpen" }> | Extract<ViewerAnswer, { kind: "places" | "other" }>,
  own: ComparedWith,
): CompareState {
  switch (event.kind) {
    case "compareRun":
      // The same step of the other run, where the prompt was drawn there too.
      return event.runDir === compare.runDir
        ? compare
        : { ...openCompare(event.runDir), wantedStep: event.runDir === own.runDir ? null : (own.line?.step ?? null) };
    case "compareStep":
      return { ...compare, wantedStep: event.step };
    case "places": {
      const { places, reason, runDir, dataset, example } = event;
      const key = { runDir, dataset, example };
      if (!isEqual(key, wantedKey(compare, own))) return compare;
      return { ...compare, key, places, problem: reason ?? null };
    }
    case "other": {
      const place = otherPlace(compare, own);
      const isWanted = place?.step === event.step && place.group === event.group && event.runDir === compare.runDir;
      if (!isWanted) return compare;
      return { ...compare, line: event.line, problem: event.reason ?? null };
    }
    default:
      throw new Error(`internal: unknown event of the comparison ${JSON.stringify(event satisfies never)}`);
  }
}

/** The prompt whose places are needed; null while nothing is shown. */
export function wantedKey({ runDir }: CompareState, { line }: ComparedWith): PromptKey | null {
  return line === null ? null : { runDir, dataset: line.datasetId, example: line.exampleId };
}

/** Places of the prompt in the other run, but for the one that the page shows itself; null while they are not known. */
export function otherPlaces(compare: CompareState, own: ComparedWith): readonly PromptPlace[] | null {
  if (compare.places === null || !isEqual(compare.key, wantedKey(compare, own))) return null;
  if (compare.runDir !== own.runDir) return compare.places;
  return compare.places.filter(({ step, group }) => step !== own.line?.step || group !== own.line.group);
}

/** The place that is compared with; null when there is none, or while nobody knows. */
export function otherPlace(compare: CompareState, own: ComparedWith): PromptPlace | null {
  const places = otherPlaces(compare, own) ?? [];
  if (compare.wantedStep === null) return places[0] ?? null;
  const steps = places.map(({ step }) => step);
  return places[nearestIndex(steps, compare.wantedStep)] ?? null;
}

/** The other side's group, once it is the one that is wanted. */
export function otherRecord(compare: CompareState, own: ComparedWith): GroupRecord | null {
  const { line } = compare;
  const place = otherPlace(compare, own);
  if (line === null || place === null || isFailedGroup(line)) return null;
  return line.step === place.step && line.group === place.group ? line : null;
}

/** The place before (-1) or after (1) the one that is compared with. */
export function neighbourStep(compare: CompareState, own: ComparedWith, delta: number): number | null {
  const places = otherPlaces(compare, own) ?? [];
  const current = otherPlace(compare, own);
  const next = places[places.findIndex((place) => place === current) + delta];
  return current === null || next === undefined ? null : next.step;
}
