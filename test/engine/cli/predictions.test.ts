import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { readPredictions } from "../../../src/engine/cli/predictions.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { exampleOf } from "../examples.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-predictions-"));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const choice = (id: string, datasetId = "choice") =>
  exampleOf({ task: "multiple-choice", option: "A" }, { id, datasetId });
const examples = [choice("1"), choice("2")];

function write(content: unknown): string {
  const file = path.join(dir, "answers");
  fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}
const read = (content: unknown, keys = {}) => {
  const { answers, missing } = readPredictions(write(content), examples, keys);
  return { texts: examples.map((example) => answers.get(example)), missing };
};
const mistakes = (content: unknown, keys = {}): string[] => {
  try {
    readPredictions(write(content), examples, keys);
  } catch (error) {
    assert.ok(UserError.is(error, "bad-data"));
    return error.message.split("\n");
  }
  assert.fail("expected mistakes");
};

test("lines, lists and one object are read alike, under the names that other programs give the keys", () => {
  const both = { texts: [["A"], ["B"]], missing: 0 };
  assert.deepEqual(read('{"id": "1", "text": "A"}\n\n{"id": 2, "text": "B"}\n'), both);
  assert.deepEqual(read('\uFEFF{"question_id": 1, "pred": "A"}\n{"question_id": 2, "pred": "B"}'), both);
  assert.deepEqual(read([{ id: 1, prediction: "A", answer: "(C)" }, { id: 2, prediction: "B", answer: "(C)" }]), both); // prettier-ignore
  assert.deepEqual(read({ 1: "A", 2: "B" }), both);
  assert.deepEqual(read('{"id": "1", "text": "A"}'), { texts: [["A"], undefined], missing: 1 });
});

test("several samples, and the lines of our own answers", () => {
  assert.deepEqual(read([{ id: 1, text: ["A", "B"] }]).texts[0], ["A", "B"]);
  const own = [
    { version: 3, answerSettings: {} },
    { version: 3, datasetId: "choice", exampleId: "1", completions: [{ text: "A" }, { text: "C" }] },
  ];
  assert.deepEqual(read(own.map((line) => JSON.stringify(line)).join("\n")).texts[0], ["A", "C"]);
});

test("other keys can be named; the right answer is never taken for a prediction", () => {
  const rows = [{ video: "1", answer: "A" }];
  assert.deepEqual(read(rows, { id: "video", text: "answer" }).texts[0], ["A"]);
  assert.deepEqual(mistakes([{ id: 1, answer: "A" }]).length, 1);
  assert.match(
    mistakes([{ id: 1, answer: "A" }])[0] ?? "",
    /answers\[0\]: expected the key of the answer \(one of "text".*\), found "id", "answer"; --text-key names another$/,
  );
  assert.match(mistakes(rows)[0] ?? "", /expected the key of the id .* found "video", "answer"; --id-key/);
  assert.match(mistakes(rows, { id: "name" })[0] ?? "", /key of the id \("name"\)/);
});

test("an id of two datasets needs its dataset", () => {
  const twice = [choice("1", "a"), choice("1", "b")];
  assert.throws(
    () => readPredictions(write([{ id: 1, text: "A" }]), twice),
    /the id "1" is in a, b; expected "dataset"/,
  );
  const { answers } = readPredictions(write([{ id: 1, text: "A", dataset: "b" }]), twice);
  assert.deepEqual([...answers.keys()].map(({ datasetId }) => datasetId), ["b"]); // prettier-ignore
});

test("a file may hold more than is evaluated; unknown ids are mistakes only where an answer is missing", () => {
  const extraOf = (content: unknown): number => readPredictions(write(content), examples).extra;
  assert.equal(extraOf({ 1: "A", 2: "B" }), 0);
  assert.equal(extraOf({ 1: "A", 2: "B", 9: "C" }), 1, "a row that is left out, or beyond the limit");
  assert.equal(extraOf([{ id: 1, text: "A" }, { id: 1, dataset: "other", text: "B" }]), 1); // prettier-ignore
  assert.deepEqual(mistakes({ 1: "A", 9: "C" }).length, 1);
  assert.match(
    mistakes([{ id: 1, dataset: "choise", text: "A" }])[0] ?? "",
    /examples of choice, found only those of other/,
  );
  const failed = { datasetId: "choice", exampleId: "1", completions: [], failure: { code: "bad-video", message: "x" } };
  const later = { datasetId: "choice", exampleId: "1", completions: [{ text: "A" }] };
  assert.deepEqual(read([failed, later]).texts[0], ["A"]);
});

test("each mistake has its place; a file that is wrong throughout is not listed for ever", () => {
  assert.deepEqual(mistakes('{"id": 1, "text": "A"}\n{"id": 1, "text": "B"}\n[1]\n{"id": 9, "text": ""}\n{').map((m) => m.replace(dir, "")), [
    '/answers:2: found a second answer for the id "1"',
    '/answers:3: expected {"id": …, "text": …}, found [1]',
    '/answers:4: no example of the evaluation data has the id "9"',
    '/answers:5: expected {"id": …, "text": …}, found text that is not JSON',
  ]); // prettier-ignore
  for (const empty of ["", "\n", "[]", "{}"]) assert.match(mistakes(empty)[0] ?? "", /expected answers, found none/);
  const many = mistakes(Array.from({ length: 500 }, () => ({ id: 1, answer: "A" })));
  assert.equal(many.length, 21);
  assert.match(many[20] ?? "", /480 more mistakes/);
});
