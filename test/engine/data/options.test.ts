import assert from "node:assert/strict";
import { test } from "node:test";
import { optionOf } from "../../../src/engine/data/formats/options.ts";

test("a letter is the option's own where options have letters, else a text that is a letter wins", () => {
  const lettered = ["A. B", "B. C", "C. D", "D. A"];
  assert.deepEqual(["A", "(B)", "c.", "D. A", "B. C"].map((answer) => optionOf(answer, lettered)), ["A", "B", "C", "D", "B"]); // prettier-ignore
  assert.equal(optionOf("A", ["(A) B", "(B) C", "(C) A"]), "A");
  assert.equal(optionOf("red", ["A. blue", "B. red"]), "B");
  assert.equal(optionOf("A", ["B", "C", "A"]), "C");
  assert.equal(optionOf("B", ["red", "blue"]), "B");
  assert.equal(optionOf("E", lettered), null);
});
