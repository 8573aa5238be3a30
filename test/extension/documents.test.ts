import assert from "node:assert/strict";
import { test } from "node:test";
import { rolloutText, type DocumentSection } from "../../src/extension/documents/rolloutText.ts";
import {
  documentPath,
  findRolloutLinks,
  parseOutsidePath,
  parseRolloutPath,
  rolloutId,
} from "../../src/extension/documents/rolloutUri.ts";
import { rolloutLink } from "../../src/protocol/rolloutLink.ts";
import { completion, groupRecord } from "./rollouts.ts";

const address = { run: "2026-01-02 shapes", step: 12, group: 3, completion: 5 };

test("a rollout has one address, in documents, links and from outside", () => {
  assert.equal(rolloutId(address), "12/3/5");
  assert.deepEqual(parseRolloutPath(documentPath(address)), address);
  assert.deepEqual(parseOutsidePath("/rollout/2026-01-02 shapes/12/3/5"), address);
  assert.equal(rolloutLink("2026-01-02 shapes", "12/3/5"), "rft:/2026-01-02%20shapes/12/3/5");
  for (const path of ["", "/run", "/run/1/2", "/run/a/2/3", "/run/1/2/3/4/5", "run/1/2/3"]) {
    assert.equal(parseRolloutPath(path), undefined, path);
  }
  assert.equal(parseOutsidePath("/other/run/1/2/3"), undefined);
});

test("links are found in a row of a terminal", () => {
  const link = rolloutLink("2026-01-02 shapes", "12/3/5");
  const row = `worst: ${link}, then rft:/run/1/0/7.`;
  assert.deepEqual(findRolloutLinks(row), [
    { start: 7, length: link.length, address },
    {
      start: row.indexOf("rft:/run"),
      length: "rft:/run/1/0/7".length,
      address: { run: "run", step: 1, group: 0, completion: 7 },
    },
  ]);
  assert.deepEqual(findRolloutLinks("swift:/run/1/0/7 rft:/run/1/0 rft:/%zz/1/0/7")[0]?.address.run, "%zz");
});

test("a rollout is text with sections that can be folded, whatever the policy wrote", () => {
  const one = completion("12/3/5", [
    { name: "format", value: 1 },
    { name: "tiou", value: null },
  ]);
  const { text, sections } = rolloutText(groupRecord(), one);
  const rows = text.split("\n");
  const outline = (list: readonly DocumentSection[]): unknown[] =>
    list.map(({ title, children }) => (children.length === 0 ? title : [title, outline(children)]));
  assert.deepEqual(outline(sections), [
    "Example",
    "Prompt",
    ["Completion", ["Reasoning", "Final answer"]],
    "Answer",
    "Rewards",
    "Policy",
    "Row",
  ]);
  for (const { title, start, end } of sections) {
    assert.equal(rows[start], title);
    assert.ok(end > start && end < rows.length);
  }
  const reasoning = sections[2]?.children[0] ?? assert.fail("no reasoning");
  assert.deepEqual(rows.slice(reasoning.start, reasoning.end + 1), ["<think>it starts late</think>"]);
  assert.ok(rows.includes("Segment: 1.50 s to 4.00 s"));
  assert.ok(rows.includes("tiou: –") && rows.includes("format: 1") && rows.includes("Mean KL: –"));
});

test("two rollouts of a group differ in what they say, and nowhere else", () => {
  const other = completion("12/3/6", [{ name: "format", value: 1 }], { text: "no tags\nat all" });
  const left = rolloutText(groupRecord(), completion("12/3/5", [{ name: "format", value: 1 }])).text.split("\n");
  const right = rolloutText(groupRecord(), other).text.split("\n");
  assert.deepEqual(
    left.filter((row) => !right.includes(row)),
    ["<think>it starts late</think>", "<answer>1.5 to 4</answer>"],
  );
});
