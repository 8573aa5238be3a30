import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { checkSpecText } from "../../../src/engine/server/checkSpec.ts";
import { diagnoseData } from "../../../src/engine/server/diagnoseData.ts";
import type { SpecDiagnostic } from "../../../src/protocol/messages.ts";

const row = { duration: 8, timestamps: [[1, 5]], sentences: ["it falls"] };

/** A folder with everything that the specification names, and checks of its text. */
function workspace(t: TestContext) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-check-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return file;
  };
  for (const file of ["config.json", "tokenizer.json", "model.safetensors"]) write(`policy/${file}`, "{}");
  write("annotations/train.json", JSON.stringify({ a: row }));
  write("videos/a.txt", "");
  write("rewards/early.ts", "export const early = () => 0;\nexport const late = () => 0;\n");
  const spec = (changes: Record<string, unknown> = {}): string => {
    const data = {
      id: "grounding",
      task: "temporal-grounding",
      format: "charades-sta",
      path: "annotations/train.json",
    };
    const own = {
      name: "demo",
      policy: { model: "policy" },
      data: [{ ...data, videos: "videos" }],
      rewards: [{ name: "tiou" }, { file: "rewards/early.ts", function: "early" }],
    };
    return JSON.stringify({ ...own, ...changes }, null, 2);
  };
  const specPath = path.join(dir, "demo.rft.json");
  const check = (text: string): SpecDiagnostic[] => checkSpecText(text, specPath);
  return { dir, write, spec, specPath, check };
}

const linesOf = (problems: readonly SpecDiagnostic[]): string[] =>
  problems.map(({ code, severity, path: keys, fixes }) =>
    [severity, code, JSON.stringify(keys), ...fixes.map(({ title }) => title)].join(" | "),
  );

test("files that are not there: the nearest name of each folder is offered", (t) => {
  const { spec, check, write } = workspace(t);
  assert.deepEqual(check(spec()), []);
  const wrong = (changes: string) => linesOf(check(spec().replaceAll('"annotations/train.json"', changes)));
  assert.deepEqual(wrong('"anotations/trian.json"'), [
    'error | missing-file | ["data",0,"path"] | Change it to "annotations/train.json"',
  ]);
  assert.deepEqual(wrong('"annotations"'), ['error | missing-file | ["data",0,"path"]'], "a folder is no file");
  const reward = (file: string, name: string) => linesOf(check(spec({ rewards: [{ file, function: name }] })));
  assert.deepEqual(reward("reward/early.ts", "early"), [
    'error | missing-file | ["rewards",0,"file"] | Change it to "rewards/early.ts"',
  ]);
  assert.deepEqual(reward("rewards/early.ts", "erly"), [
    'warning | unknown-function | ["rewards",0,"function"] | Change it to "early"',
  ]);
  write("rewards/made.py", "globals()['made'] = lambda completions, **k: []\n");
  assert.deepEqual(reward("rewards/made.py", "made"), ['warning | unknown-function | ["rewards",0,"function"]']);
});

test("an adapter as the policy: its weights and its model have to be there", (t) => {
  const { check, spec, write, dir } = workspace(t);
  const adapter = { peft_type: "LORA", lora_alpha: 16, base_model_name_or_path: "../policy" };
  const messages = (changes: object): string[] => {
    write("adapter/adapter_config.json", JSON.stringify({ ...adapter, ...changes }));
    return check(spec({ policy: { model: "adapter" } })).map(({ code, message }) => `${code}: ${message}`);
  };
  assert.match(messages({}).join(), /^missing-file: the adapter's weights are missing/);
  write("adapter/adapter_model.safetensors", "");
  assert.deepEqual(messages({}), []);
  assert.match(
    messages({ base_model_name_or_path: "Qwen/None" }).join(),
    /^missing-file: expected the model .*"Qwen\/None"/,
  );
  fs.rmSync(path.join(dir, "policy", "tokenizer.json"));
  assert.match(
    messages({}).join(),
    /^missing-file: expected tokenizer\.json in the checkpoint directory .*policy, found none/,
  );
});

test("keys and values that a schema does not know: what was meant is offered", (t) => {
  const { spec, check } = workspace(t);
  assert.deepEqual(linesOf(check(spec({ grpo: { groupSiez: 4, steps: 0 } }))), [
    'error | bad-spec | ["grpo","steps"]',
    'error | bad-spec | ["grpo","groupSiez"] | Rename it to "groupSize" | Remove "groupSiez"',
  ]);
  assert.deepEqual(linesOf(check(spec().replace("temporal-grounding", "temporal-groundign"))), [
    'error | bad-spec | ["data",0,"task"] | Change it to "temporal-grounding"',
  ]);
  assert.deepEqual(
    linesOf(check("{")).map((line) => line.split(" | ")[1]),
    ["not-json"],
  );
  const { data } = JSON.parse(spec()) as { data: unknown[] };
  const codes = (changes: Record<string, unknown>) => check(spec(changes)).map(({ code }) => code);
  assert.deepEqual(codes({ data: [...data, ...data] }), ["duplicate-dataset"]);
  assert.deepEqual(codes({ rewards: [{ name: "tiou" }, { name: "tiou" }] }), ["duplicate-reward"]);
});

test("a key that another program calls otherwise is renamed to ours", () => {
  const renamed = (key: string): string | undefined => {
    const text = JSON.stringify({ name: "x", policy: { model: "p" }, grpo: { [key]: 1 } });
    const fixes = checkSpecText(text, "x.rft.json").flatMap((problem) => problem.fixes);
    return fixes.find(({ title }) => title.startsWith("Rename"))?.title;
  };
  assert.equal(renamed("num_generations"), 'Rename it to "groupSize"');
  assert.equal(renamed("num_iterations"), 'Rename it to "numIterations"');
  assert.equal(renamed("max_grad_norm"), 'Rename it to "maxGradNorm"');
  assert.equal(renamed("betta"), 'Rename it to "beta"');
});

test("findings of data have the line of their row, in the file that the specification names", async (t) => {
  const { write, spec, specPath } = workspace(t);
  const file = write(
    "annotations/train.json",
    JSON.stringify({ a: row, b: { ...row, timestamps: [[1, 9]] }, c: { ...row, timestamps: [[3, 3]] } }, null, 1),
  );
  const diagnose = (text: string) =>
    diagnoseData({
      specPath,
      text,
      videos: 10,
      ffmpegPath: null,
      memory: new Map(),
      signal: new AbortController().signal,
    });
  const { diagnostics, videosSeen } = await diagnose(spec());
  assert.equal(videosSeen, 0, "there is no video");
  const lines = fs.readFileSync(file, "utf8").split("\n");
  const places = diagnostics.map(({ code, place }) => {
    if (place.kind === "spec") return `${code} ${JSON.stringify(place.path)}`;
    assert.equal(place.file, file);
    return `${code} ${place.range.startLine} ${lines[place.range.startLine]?.trim()}`;
  });
  const lineOf = (text: string, after: string): number =>
    lines.findIndex((l, i) => l.trim() === text && i > lines.findIndex((m) => m.includes(`"${after}"`)));
  assert.deepEqual(places, [
    'missing-video ["data",{"named":"grounding"}]',
    `missing-video ${lineOf("[", "a")} [`,
    `missing-video ${lineOf("[", "b")} [`,
    `truth-beyond-video ${lineOf("[", "b")} [`,
    `zero-length ${lineOf("[", "c")} [`,
  ]);
  write("annotations/train.json", "[1, 2");
  assert.deepEqual(
    (await diagnose(spec())).diagnostics.map(({ code, severity }) => `${severity} ${code}`),
    ["error bad-annotations"],
  );
  assert.deepEqual((await diagnose("{")).diagnostics, []);
});
