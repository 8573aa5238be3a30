/** A new reward function as files of the workspace: what it starts from, and two cases that say what it does. */

export type RewardLanguage = "TypeScript" | "Python";

export interface RewardScaffold {
  /** Names within one folder. */
  readonly file: string;
  readonly text: string;
  readonly casesFile: string;
  readonly cases: string;
  /** Types that it imports, as they come with the extension (media/contract). */
  readonly typesFile: string;
  /** What a specification says of it, but for the folder. */
  readonly row: { readonly file: string; readonly function: string; readonly signature?: "each" };
}

/** `name` is that of the function and of its file. */
export function scaffoldReward(name: string, language: RewardLanguage): RewardScaffold {
  const isTypescript = language === "TypeScript";
  const file = `${name}.${isTypescript ? "ts" : "py"}`;
  // TRL's way of calling is Python's default, and has no types.
  const row = { file, function: name, ...(isTypescript ? {} : ({ signature: "each" } as const)) };
  return {
    file,
    text: isTypescript ? typescriptText(name) : pythonText(name),
    casesFile: `${name}.cases.jsonl`,
    cases: casesOf(row),
    typesFile: isTypescript ? "videoRft.d.ts" : "video_rft_types.py",
    row,
  };
}

/** Why a name cannot be that of a function in either language; undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name)) return undefined;
  return "Use letters, digits and _, and no word of the language.";
}

const reserved: ReadonlySet<string> = new Set(
  "and as async await break case class const continue def default del delete do elif else enum export false finally for from function if import in instanceof is lambda let new not null or pass raise return static super switch this throw true try typeof var void while with yield".split(
    " ",
  ),
);

function typescriptText(name: string): string {
  return `import type { RewardFunction } from "./videoRft";

/** 1 for an answer that can be read, else 0: put in its place what you want to pay for. */
export const ${name}: RewardFunction = ({ parsed }) => {
  const [failure] = parsed.failures;
  if (failure !== undefined) return { value: 0, reason: failure };
  return 1;
};
`;
}

function pythonText(name: string): string {
  return `from video_rft_types import RewardCompletion, RewardExample, RewardResult


def ${name}(completion: RewardCompletion, example: RewardExample) -> RewardResult:
    """1 for an answer that can be read, else 0: put in its place what you want to pay for."""
    failures = completion["parsed"]["failures"]
    if failures:
        return {"value": 0, "reason": failures[0]}
    return 1
`;
}

function casesOf(reward: RewardScaffold["row"]): string {
  const truth = { task: "temporal-grounding", segment: { startSec: 5, endSec: 10 } };
  const example = { id: "clip_0", datasetId: "data", task: truth.task, question: "a red circle spins", truth };
  const rows = [
    {
      name: "an answer",
      reward,
      completion: { text: "<answer>5.0 to 10.0</answer>" },
      example,
      expect: { min: 1, max: 1 },
    },
    { name: "no answer", reward, completion: { text: "I cannot tell." }, example, expect: { min: 0, max: 0 } },
  ];
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}
