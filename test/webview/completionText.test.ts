import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { linkText, splitCompletion } from "../../webview/rollouts/completionText.ts";
import type { LinkOptions } from "../../webview/rollouts/completionText.ts";

const temporal: LinkOptions = { durationSec: 30, numbersAreTimes: true };
const other: LinkOptions = { durationSec: 30, numbersAreTimes: false };

/** Text with its links in brackets and what they lead to. */
function rendered(text: string, options: LinkOptions): string {
  return linkText(text, options)
    .map((token) => {
      switch (token.kind) {
        case "text":
          return token.text;
        case "time":
          return `{${token.text}=${token.timeSec}${token.isInside ? "" : " outside"}}`;
        case "interval":
          return `{${token.text}=${token.segment.startSec}..${token.segment.endSec}${token.isInside ? "" : " outside"}}`;
        case "box":
          return `{box ${token.position}: ${token.text}}`;
      }
    })
    .join("");
}

test("a completion is cut at its tags", () => {
  assert.deepEqual(splitCompletion("<think>why</think>\n<answer> 5.0 to 10.0 </answer>"), [
    { kind: "think", text: "why", isClosed: true },
    { kind: "answer", text: "5.0 to 10.0", isClosed: true },
  ]);
  assert.deepEqual(splitCompletion("Sure!<ANSWER>B</ANSWER><glue>[(1, 2)]</glue> bye"), [
    { kind: "text", text: "Sure!", isClosed: true },
    { kind: "answer", text: "B", isClosed: true },
    { kind: "glue", text: "[(1, 2)]", isClosed: true },
    { kind: "text", text: "bye", isClosed: true },
  ]);
});

test("what is cut by length or badly tagged is still shown", () => {
  assert.deepEqual(splitCompletion("<think>and then the"), [{ kind: "think", text: "and then the", isClosed: false }]);
  assert.deepEqual(splitCompletion("</think> 5"), [{ kind: "text", text: "</think> 5", isClosed: true }]);
  assert.deepEqual(splitCompletion("<answer></answer>"), [{ kind: "answer", text: "", isClosed: true }]);
  assert.deepEqual(splitCompletion(" \n"), []);
});

test("times and intervals of a temporal task", () => {
  const cases: readonly [string, string][] = [
    ["5.0", "{5.0=5}"],
    ["5.0 to 10.0", "{5.0 to 10.0=5..10}"],
    ["from 5 to 10 seconds.", "from {5 to 10 seconds=5..10}."],
    ["between 1.5 and 2.5 s the", "between {1.5 and 2.5 s=1.5..2.5} the"],
    ["00:05 - 00:10", "{00:05 - 00:10=5..10}"],
    ["at 0:01:02.5 it", "at {0:01:02.5=62.5 outside} it"],
    ["[(5.0, 10.2), (12, 14)]", "[({5.0, 10.2=5..10.2}), ({12, 14=12..14})]"],
    ["starts at 7, ends near 9", "starts at {7=7}, ends near {9=9}"],
    ["40.00 to 50.00", "{40.00 to 50.00=40..50 outside}"],
    ["3 squares and 2 circles", "3 squares and 2 circles"],
    ["50% of v1.2 and frame3.5", "50% of v1.2 and frame3.5"],
    ["1.2.3", "1.2.3"],
  ];
  for (const [text, expected] of cases) assert.equal(rendered(text, temporal), expected);
});

test("other tasks need a unit or a clock", () => {
  assert.equal(rendered("0.5 of 2 to 3 people", other), "0.5 of 2 to 3 people");
  assert.equal(rendered("at 2.5 s and 00:07", other), "at {2.5 s=2.5} and {00:07=7}");
});

test("boxes count their positions; four numbers of another meaning stay text", () => {
  assert.equal(
    rendered("[[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]]", other),
    "[{box 0: [0.1, 0.2, 0.3, 0.4]}, {box 1: [0, 0, 1, 1]}]",
  );
  assert.equal(rendered("[12, 20, 300, 400]", other), "[12, 20, 300, 400]");
});

test("no text is lost, whatever the policy writes", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "5.0",
      "1:05",
      "[0.1, 0.2, 0.3, 0.4]",
      " to ",
      "(",
      ")",
      ", ",
      " s",
      "between ",
      " and ",
      "at ",
      "-",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), (pieces, numbersAreTimes) => {
      const text = pieces.join("");
      const tokens = linkText(text, { durationSec: 10, numbersAreTimes });
      assert.equal(tokens.map((token) => token.text).join(""), text);
    }),
  );
});

test("a long text without any match is read quickly enough to finish", () => {
  assert.equal(linkText("1 ".repeat(20000), temporal).length, 1);
});
