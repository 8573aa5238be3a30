import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { formatSpecPath, loadSpec, parseSpec, placeOfPath } from "../../../src/engine/data/specFile.ts";
import { readTemplates } from "../../../src/engine/data/templates.ts";
import { UserError } from "../../../src/protocol/errors.ts";

const good = `{
  // comments and trailing commas are fine
  "name": "demo",
  "policy": { "model": "policy" },
  "data": [
    { "id": "g", "task": "temporal-grounding", "format": "charades-sta", "path": "a.json", "videos": "v" },
  ],
  "rewards": [{ "name": "format" }],
}`;

function write(t: test.TestContext, text: string): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "video-rft-spec-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, "demo.rft.json");
  fs.writeFileSync(file, text);
  return file;
}

/** The lines of a refusal, without the folder. */
function refusal(t: test.TestContext, text: string): string[] {
  const file = write(t, text);
  try {
    loadSpec(file);
  } catch (error) {
    assert.ok(UserError.is(error, "bad-spec"));
    return error.message.replaceAll(`${path.dirname(file)}${path.sep}`, "").split("\n");
  }
  throw new Error("expected a refusal");
}

test("a good specification is resolved, with its folder and its text", (t) => {
  for (const text of [good, `\uFEFF${good}`]) {
    const file = write(t, text);
    const loaded = loadSpec(file);
    assert.equal(loaded.spec.grpo.groupSize, 8);
    assert.equal(loaded.spec.name, "demo");
    assert.equal(loaded.baseDir, path.dirname(file));
    assert.equal(loaded.text, text);
  }
});

test("every mistake has a line: place, path, what was found, what was expected, how to mend it", (t) => {
  const text = good
    .replace('"name": "demo",', '"grpo": { "groupsize": 4, "steps": "many" },\n  "nonsense": true,')
    .replace('"task": "temporal-grounding"', '"task": "grounding"');
  const lines = refusal(t, text);
  assert.equal(lines.length, 5, lines.join("\n"));
  const line = (part: string): string => lines.find((l) => l.includes(part)) ?? "";
  assert.match(
    line("groupsize"),
    /^demo\.rft\.json:3:13: grpo\.groupsize: unknown key "groupsize"\. Did you mean "groupSize"\?$/,
  );
  assert.match(
    line("steps"),
    /^demo\.rft\.json:3:29: grpo\.steps: expected number, .*found "many"\. .*Optimizer steps/,
  );
  assert.match(
    line("nonsense"),
    /^demo\.rft\.json:4:3: nonsense: unknown key "nonsense"\. Remove it; the keys here are .*policy/,
  );
  assert.match(
    line("data[0].task"),
    /^demo\.rft\.json:7:18: data\[0\]\.task: .*temporal-grounding.*found "grounding"\. /,
  );
  assert.match(line(": name:"), /^demo\.rft\.json:1:1: name: .*found nothing\. Add this key\. It means: /);
});

test("broken JSON is told with its place", (t) => {
  assert.match(
    refusal(t, '{\n  "name": demo\n}')[0] ?? "",
    /^demo\.rft\.json:2:11: \(top level\): not JSON: .*found "demo"/,
  );
  assert.match(refusal(t, "")[0] ?? "", /empty file|not JSON/);
  assert.match(refusal(t, "[]")[0] ?? "", /\(top level\): .*expected object/);
});

test("a specification that is not there", () => {
  assert.throws(
    () => loadSpec(path.join(os.tmpdir(), "none", "none.rft.json")),
    (error) => UserError.is(error, "not-found") && error.where !== undefined,
  );
});

test("places of paths: keys, list items, and what lacks a key", () => {
  const at = (specPath: (string | number)[]): string => {
    const { offset, length, line } = placeOfPath(good, specPath);
    return `${line} ${good.slice(offset, offset + length)}`;
  };
  assert.equal(at(["policy", "model"]), '4 "model"');
  assert.equal(at(["policy"]), '4 "policy"');
  assert.equal(at(["data", 0]), "6 {");
  assert.equal(at(["data", 0, "weight"]), "6 {");
  assert.equal(at(["grpo", "steps"]), "1 {");
  assert.equal(at([]), "1 {");
  assert.deepEqual(placeOfPath("", ["x"]), { offset: 0, length: 0, line: 1, column: 1 });
  assert.equal(formatSpecPath(["data", 0, "path"]), "data[0].path");
});

test("parsing never throws", () => {
  for (const text of ["", "{", "null", "[1,", '"', "{,}", "\u0000", "//"])
    assert.equal(parseSpec(text).ok, false, text);
});

test("templates are read beside the specification", (t) => {
  const file = write(t, "{{ question }}");
  const dir = path.dirname(file);
  const prompts = { tracking: { think: true, template: path.basename(file) } };
  assert.deepEqual(readTemplates(prompts, dir), { tracking: "{{ question }}" });
  assert.throws(
    () => readTemplates({ tracking: { think: true, template: "none.jinja" } }, dir),
    (error) => UserError.is(error, "not-found") && (error.hint ?? "").includes("prompts.tracking.template"),
  );
});
