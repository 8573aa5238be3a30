/**
 * What the linter says of specifications, data and runs. A code is stable: settings, pages (docs/diagnostics/<code>.md) and
 * people's scripts name it. `about` says where it can be found, `title` what it is in one line.
 */
export const diagnosticTable = {
  // The text of a specification.
  "not-json": { about: "specification", title: "The specification is not JSON" },
  "bad-spec": { about: "specification", title: "A key or value that a specification cannot have" },
  "duplicate-dataset": { about: "specification", title: "Two datasets have the same id" },
  "duplicate-reward": { about: "specification", title: "Two rewards have the same name" },
  "missing-file": { about: "specification", title: "A file or folder that is named is not there" },
  "unknown-dataset": { about: "specification", title: "A reward names a dataset that there is not" },
  "unknown-function": { about: "specification", title: "A reward file has no function of this name" },
  "bad-template": { about: "specification", title: "A prompt template cannot be rendered" },
  "question-missing": { about: "specification", title: "A prompt template does not show the question" },
  "tag-not-asked": { about: "specification", title: "The format reward wants a tag that the prompt never asks for" },
  "tag-not-wanted": { about: "specification", title: "The prompt names a tag that the format reward punishes" },
  "reward-without-data": { about: "specification", title: "A reward applies to no task of the data" },
  "task-without-reward": { about: "specification", title: "No reward applies to a task of the data" },
  "only-format-reward": { about: "specification", title: "Nothing rewards a right answer" },

  // Annotation files and videos.
  "bad-annotations": { about: "data", title: "An annotation file cannot be read" },
  "bad-row": { about: "data", title: "A row lacks what its layout asks for" },
  "duplicate-id": { about: "data", title: "Two rows have the same id" },
  "zero-length": { about: "data", title: "A true segment has no length" },
  "bad-clip": { about: "data", title: "The bounds of a clip leave nothing of the video or of the truth" },
  "bad-box": { about: "data", title: "A true box has no area" },
  "boxes-xywh": { about: "data", title: "True boxes look like x, y, width, height" },
  "boxes-in-pixels": { about: "data", title: "True boxes look like pixels" },
  "box-out-of-range": { about: "data", title: "A true box reaches out of the frame" },
  "box-times-differ": { about: "data", title: "Boxes and their times do not match in number or order" },
  "unknown-box-times": { about: "data", title: "Nothing says when the true boxes are" },
  "box-time-beyond-video": { about: "data", title: "A true box is after the end of the video" },
  "boxes-share-frame": { about: "data", title: "The policy sees fewer frames than it is asked for boxes" },
  "box-below-patch": { about: "data", title: "A true box is smaller than a merged patch" },
  "truth-beyond-video": { about: "data", title: "A true segment goes beyond the video" },
  "segment-between-frames": { about: "data", title: "A true segment lies between the sampled frames" },
  "unknown-duration": { about: "data", title: "The file of durations does not name a video" },
  "duration-differs": { about: "data", title: "The annotated duration is not that of the video" },
  "missing-video": { about: "data", title: "There is no such video" },
  "unreadable-video": { about: "data", title: "A video cannot be read" },
  "empty-dataset": { about: "data", title: "A dataset has no row that can be used" },
  "same-video": { about: "data", title: "A video is in training and in evaluation data" },
  "strict-parser-rejects": { about: "data", title: "Right answers that a strict parser would reject" },

  // Rollouts and metrics of a run.
  "reward-constant": { about: "run", title: "A reward has the same value in every rollout" },
  "reward-errors": { about: "run", title: "A reward fails often" },
  "reward-not-deterministic": { about: "run", title: "A reward differs when it is called again" },
  "reward-hacking": { about: "run", title: "The reward rises and its metric does not" },
  "zero-variance-groups": { about: "run", title: "Many groups are all right or all wrong" },
  "duplicate-completions": { about: "run", title: "Completions of a group repeat each other" },
  "truncated-completions": { about: "run", title: "Many completions reach the length limit" },
  "length-drift": { about: "run", title: "Completions get longer or shorter" },
  "kl-runaway": { about: "run", title: "The policy runs away from its reference" },
  "ratio-clipped": { about: "run", title: "Many tokens are clipped" },
  "entropy-collapse": { about: "run", title: "The policy has hardly any entropy left" },
} as const satisfies Readonly<Record<string, { about: "specification" | "data" | "run"; title: string }>>;

export type DiagnosticCode = keyof typeof diagnosticTable;
// SAFETY: the keys of a literal are those of its type.
export const diagnosticCodes = Object.keys(diagnosticTable) as DiagnosticCode[];

/** "error": a run would fail or learn nothing from it; "warning": a number may not mean what it seems to; "info": good to know. */
export type DiagnosticSeverity = "error" | "warning" | "info";

/** A step of a path in a specification; `named` is the element of a list with this `id`, `name` or `function`. */
export type SpecStep = string | number | { readonly named: string };
export type SpecPath = readonly SpecStep[];

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** One change of a specification's text. "add" puts a value at the end of a list, which is made where there is none. */
export type SpecEdit =
  | { readonly kind: "set"; readonly path: SpecPath; readonly value: JsonValue }
  | { readonly kind: "add"; readonly path: SpecPath; readonly value: JsonValue }
  | { readonly kind: "remove"; readonly path: SpecPath }
  | { readonly kind: "rename"; readonly path: SpecPath; readonly key: string };

/** A quick fix: `title` says what it does, in the imperative. */
export interface SpecFix {
  readonly title: string;
  readonly edits: readonly SpecEdit[];
}

/** Lines and characters (UTF-16) are 0-based, the end is exclusive. */
export interface TextRange {
  readonly startLine: number;
  readonly startCharacter: number;
  readonly endLine: number;
  readonly endCharacter: number;
}

export type DiagnosticPlace =
  | { readonly kind: "spec"; readonly path: SpecPath }
  /** An annotation file, or a file with a reward function; absolute. */
  | { readonly kind: "file"; readonly file: string; readonly range: TextRange };

/** A value of the specification that a finding of a run rests on; `value` undefined for a key that is not there. */
export interface SpecBasis {
  readonly path: SpecPath;
  readonly value: JsonValue | undefined;
}

export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: DiagnosticSeverity;
  /** One line: what was found, where, what was expected, how to mend it. */
  readonly message: string;
  readonly place: DiagnosticPlace;
  /** Changes of the specification that mend it, the most likely first. */
  readonly fixes: readonly SpecFix[];
  /** Of runs: a specification that says otherwise by now has been mended, and the finding is not shown on it. */
  readonly basis: readonly SpecBasis[];
}

/** Elements of a list are found by the first of these keys that they have. */
const nameKeys = ["id", "name", "function"] as const;

/**
 * The path with places in place of names, in a specification's JSON; null when a name is not there. What stands behind the
 * last name need not be there.
 */
export function resolveSpecPath(json: unknown, path: SpecPath): (string | number)[] | null {
  const resolved: (string | number)[] = [];
  let at: unknown = json;
  for (const step of path) {
    const key: string | number = typeof step === "object" ? indexNamed(at, step.named) : step;
    if (key === -1) return null;
    resolved.push(key);
    at = childOf(at, key);
  }
  return resolved;
}

/** The value at a path; undefined where it leads nowhere. */
export function valueAt(json: unknown, path: SpecPath): unknown {
  const resolved = resolveSpecPath(json, path);
  return resolved === null ? undefined : resolved.reduce(childOf, json);
}

function childOf(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return typeof key === "number" ? (value[key] as unknown) : undefined;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  // SAFETY: it was just seen to have the key.
  return (value as Readonly<Record<string, unknown>>)[key];
}

function indexNamed(list: unknown, name: string): number {
  if (!Array.isArray(list)) return -1;
  return list.findIndex((element: unknown) => nameKeys.some((key) => childOf(element, key) === name));
}
