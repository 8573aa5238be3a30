import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";
import type { Scored } from "../../../src/engine/score/scorer.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { groupOf, makeRewardWorkspace, type RewardWorkspace } from "./rewardWorkspace.ts";

let workspace: RewardWorkspace;
before(async () => {
  workspace = await makeRewardWorkspace();
});
after(() => workspace.dispose());

/** Values of the first part by group: "1 0.5 | timeout". */
function text(scored: readonly (readonly Scored[])[]): string {
  const one = ({ parts: [part] }: Scored): string => part?.error?.kind ?? String(part?.value);
  return scored.map((group) => group.map(one).join(" ")).join(" | ");
}

test("a function of a TypeScript file scores completions, with types, imports and named parts", async () => {
  workspace.write("shared.ts", `export const half = (x: number): number => x / 2;\n`);
  workspace.write(
    "early.ts",
    `import type { Nothing } from "nowhere";
import { half } from "./shared";
interface Answer { readonly segment?: { startSec: number } }
export function early(completion: { text: string; parsed: Answer }, example: { durationSec: number | null }) {
  const start = completion.parsed.segment?.startSec;
  if (start === undefined) return { value: 0, reason: "no answer" };
  if (start > 15) return null;
  return { value: half(start), parts: { start, duration: example.durationSec as number } };
}
export async function later(completion: { tokenCount: number }) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return completion.tokenCount;
}
`,
  );
  const scorer = workspace.scorer([
    { file: "early.ts", function: "early", weight: 2 },
    { file: "early.ts", function: "later" },
    { name: "tiou" },
  ]);
  const sources = await scorer.open();
  assert.deepEqual(
    Object.keys(sources)
      .map((file) => file.split(/[\\/]/).at(-1))
      .sort(),
    ["early.ts", "shared.ts"],
  );
  const [scored = []] = await scorer.score([
    groupOf(["<answer>5 to 10</answer>", "nothing", "<answer>16 to 18</answer>"]),
  ]);
  assert.deepEqual(scored[0], {
    parts: [
      { name: "early", weight: 2, value: 2.5, parts: { start: 5, duration: 20 } },
      { name: "later", weight: 1, value: 24 },
      { name: "tiou", weight: 1, value: 1 },
    ],
    reward: 2 * 2.5 + 24 + 1,
  });
  assert.deepEqual(scored[1]?.parts[0], { name: "early", weight: 2, value: 0, reason: "no answer" });
  assert.deepEqual(scored[2]?.parts[0], { name: "early", weight: 2, value: null }, "null does not apply");
  assert.equal(scored[2]?.reward, 25, "and is left out of the sum");
});

test("whatever a call does costs its own rollout", async () => {
  const file = workspace.write(
    "broken.ts",
    `export enum Mood { Bad = "bad" }
export function broken({ text }: { text: string }): number {
  if (text === "throw") throw new RangeError("too " + Mood.Bad);
  if (text === "loop") for (;;);
  if (text === "exit") process.exit(3);
  if (text === "abort") process.abort();
  if (text === "nan") return NaN;
  if (text === "infinite") return 1 / 0;
  if (text === "nothing") return undefined as unknown as number;
  if (text === "word") return "high" as unknown as number;
  if (text === "never") return new Promise(() => undefined) as unknown as number;
  if (text === "reject") return Promise.reject(new Error("later")) as unknown as number;
  console.log("scored " + text);
  return text.length;
}
`,
  );
  const scorer = workspace.scorer([{ file: "broken.ts", function: "broken", timeoutMs: 500, memoryMb: 200 }]);
  const answers = ["a", "throw", "loop", "bb", "exit", "nan", "infinite", "nothing", "word", "ccc"];
  const [first, second] = await scorer.score([groupOf(answers), groupOf(["never", "d", "reject", "ee", "abort"], 1)]);
  assert.equal(
    text([first ?? [], second ?? []]),
    "1 exception timeout 2 exit not-a-number not-a-number not-a-number not-a-number 3 | timeout 1 exception 2 exit",
  );
  const thrown = first?.[1]?.parts[0];
  assert.equal(thrown?.value, 0, "scores 0 unless the specification says otherwise");
  assert.equal(thrown?.error?.message, "RangeError: too bad");
  assert.match(thrown?.error?.stack ?? "", new RegExp(`^at broken \\(${file}:3:\\d+\\)$`), "the user's own line alone");
  assert.match(first?.[4]?.parts[0]?.error?.message ?? "", /ended its process with status 3/);
  assert.match(first?.[8]?.parts[0]?.error?.message ?? "", /expected a number, null, or .* found "high"/);
  assert.ok(workspace.log.includes("scored ccc"), "what a reward prints is passed on");
  assert.equal(text(await scorer.score([groupOf(["zzz"])])), "3", "and the next step goes on");
});

test("a call that takes too much memory costs its own rollout", async () => {
  workspace.write(
    "leak.ts",
    `export function leak({ text }: { text: string }): number {
  if (text !== "leak") return text.length;
  const held: number[][] = [];
  for (;;) held.push(new Array(1e5).fill(1));
}
`,
  );
  const scorer = workspace.scorer([{ file: "leak.ts", function: "leak", timeoutMs: 120_000, memoryMb: 200 }]);
  assert.equal(text(await scorer.score([groupOf(["a", "leak", "bb"])])), "1 memory 2");
});

test("the specification says what a failure is worth", async () => {
  workspace.write("thrower.ts", `export const thrower = (): number => { throw new Error("no"); };\n`);
  const drop = workspace.scorer([{ file: "thrower.ts", function: "thrower", onError: "drop" }, { name: "tiou" }]);
  const [[scored] = []] = await drop.score([groupOf(["<answer>5 to 10</answer>"])]);
  assert.equal(scored?.parts[0]?.value, null);
  assert.equal(scored?.reward, null, "the rollout takes no part");
});

test("a batch gets whole groups; one that fails costs its own group", async () => {
  workspace.write(
    "batch.ts",
    `export function relative(items: { completion: { text: string }; example: { id: string } }[]) {
  if (items.some(({ completion }) => completion.text === "throw")) throw new Error("no");
  if (items.some(({ completion }) => completion.text === "loop")) for (;;);
  const longest = Math.max(...items.map(({ completion }) => completion.text.length));
  return items.map(({ completion }) => completion.text.length / longest);
}
export const short = () => [1];
`,
  );
  const scorer = workspace.scorer([{ file: "batch.ts", function: "relative", signature: "batch", timeoutMs: 500 }]);
  const fine = [groupOf(["a", "bb"]), groupOf(["cccc", "dd"], 1)];
  assert.equal(text(await scorer.score(fine)), "0.25 0.5 | 1 0.5", "one call for all groups");
  const mixed = [groupOf(["a", "bb"]), groupOf(["throw", "a"], 1), groupOf(["loop", "a"], 2), groupOf(["dd", "d"], 3)];
  assert.equal(text(await scorer.score(mixed)), "0.5 1 | exception exception | timeout timeout | 1 0.5");
  const wrongCount = workspace.scorer([{ file: "batch.ts", function: "short", signature: "batch" }]);
  const [[scored] = []] = await wrongCount.score([groupOf(["a", "b"])]);
  assert.match(scored?.parts[0]?.error?.message ?? "", /expected a list of 2 results, found 1 results/);
});

test("rewards apply to the tasks and datasets that they are given", async () => {
  workspace.write("one.ts", `export const one = (): number => 1;\n`);
  const scorer = workspace.scorer([{ file: "one.ts", function: "one", data: ["grounding"] }]);
  const scored = await scorer.score([groupOf(["a"], 0, { datasetId: "grounding" }), groupOf(["a"], 1)]);
  assert.deepEqual(
    scored.map(([completion]) => completion?.parts.length),
    [1, 0],
  );
});

test("a file that cannot be loaded, or has no such function, is told before anything is scored", async () => {
  workspace.write("syntax.ts", `export const x: number = ;\n`);
  workspace.write("other.ts", `export const other = 1;\nexport function named() { return 1; }\n`);
  workspace.write("value.ts", `import { RewardFunction } from "./other";\nexport const f = (): number => 1;\n`);
  const problem = async (reward: Record<string, unknown>): Promise<string> => {
    try {
      await workspace.scorer([reward]).open();
      return "none";
    } catch (error) {
      return UserError.is(error, "bad-reward") ? error.message : String(error);
    }
  };
  assert.match(
    await problem({ file: "syntax.ts", function: "x" }),
    /cannot be loaded: SyntaxError: .*syntax\.ts:1:\d+/,
  );
  assert.match(await problem({ file: "missing.ts", function: "x" }), /cannot be loaded: .*missing\.ts/);
  assert.match(
    await problem({ file: "other.ts", function: "other" }),
    /expected an exported function other, found named/,
  );
  assert.match(await problem({ file: "value.ts", function: "f" }), /import type/);
});

test("a run goes on with the text that it began with, whatever becomes of the file", async () => {
  const file = workspace.write(
    "version.ts",
    `export const version = ({ text }: { text: string }): number => {
  if (text === "exit") process.exit(1);
  return 1;
};\n`,
  );
  const scorer = workspace.scorer([{ file: "version.ts", function: "version" }]);
  const sources = await scorer.open();
  fs.writeFileSync(file, `export const version = (): number => 2;\n`);
  assert.equal(text(await scorer.score([groupOf(["a", "exit", "b"])])), "1 exit 1", "the spare has the same text");
  const resumed = workspace.scorer([{ file: "version.ts", function: "version" }], { sources: { ...sources } });
  assert.equal(text(await resumed.score([groupOf(["a"])])), "1", "and so has a resumed run");
  const fresh = workspace.scorer([{ file: "version.ts", function: "version" }]);
  assert.equal(text(await fresh.score([groupOf(["a"])])), "2");
});
