import type { RescoreSummary } from "../../protocol/rescore.ts";

/** An error of a reward at the line that raised it. */
export interface ErrorPlace {
  readonly file: string;
  readonly line: number; // 0-based
  readonly message: string;
  /** Rollouts that raise it here, of those that were told. */
  readonly ids: readonly string[];
}

/** The innermost line of the user's stack: `at name (file:line[:column])`. */
export function stackPlace(stack: string): { readonly file: string; readonly line: number } | undefined {
  const match = /^at (?:.*\()?((?:[A-Za-z]:)?[^:()]+):(\d+)(?::\d+)?\)?$/m.exec(stack);
  return match === null ? undefined : { file: match[1] ?? "", line: Number(match[2]) - 1 };
}

/** Errors by line and message; those without a line stand at the function. */
export function errorPlaces(
  { errorExamples }: RescoreSummary,
  functionAt: { readonly file: string; readonly line: number },
): readonly ErrorPlace[] {
  const places = new Map<string, ErrorPlace>();
  for (const { id, error } of errorExamples) {
    const { file, line } = stackPlace(error.stack ?? "") ?? functionAt;
    const key = JSON.stringify([file, line, error.message]);
    const ids = [...(places.get(key)?.ids ?? []), id];
    places.set(key, { file, line, message: `${error.kind}: ${error.message}`, ids });
  }
  return [...places.values()];
}
