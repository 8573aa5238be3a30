import assert from "node:assert/strict";
import test from "node:test";
import { functionNames, functionRange } from "../../../src/engine/lint/rewardFunctions.ts";

const typescript = `// export function old() {}
/* export const older = 1 */
import { x } from "./x.ts";
export async function early(completion: { text: string }) { return 1; }
const helper = () => 0;
export const late = () => helper();
export { helper as shown, late as later };
`;
const python = `from .base import score, other as another
import math

# def old(completions): pass
def early(completions, **kwargs):
    def inner(): ...
    return [0.0]

async def slow(completions, **kwargs): ...
class Judge:
    def __call__(self, completions): ...
alias = early
`;

test("names of functions are read without running the file", () => {
  assert.deepEqual(functionNames(typescript, "a.ts"), ["early", "late", "shown", "later"]);
  assert.deepEqual(functionNames(python, "a.py"), ["early", "slow", "Judge", "alias", "score", "another"]);
});

test("a file that passes on names of others does not say which", () => {
  assert.equal(functionNames(`export * from "./b.ts";`, "a.ts"), null);
  assert.equal(functionNames("module.exports = { a };", "a.js"), null);
  assert.equal(functionNames("from b import *\n", "a.py"), null);
});

test("a function is found where it is defined, not where it is called", () => {
  const at = (text: string, file: string, name: string): string => {
    const { startLine, startCharacter, endCharacter } = functionRange(text, file, name);
    return `${startLine}: ${text.split("\n")[startLine]?.slice(startCharacter, endCharacter)}`;
  };
  assert.equal(at(typescript, "a.ts", "early"), "3: early");
  assert.equal(at(typescript, "a.ts", "late"), "5: late");
  assert.equal(at(python, "a.py", "early"), "4: early");
  assert.equal(at(python, "a.py", "Judge"), "9: Judge");
  assert.equal(at(python, "a.py", "nothing"), "0: from .base import score, other as another");
});
