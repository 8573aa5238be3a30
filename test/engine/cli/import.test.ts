import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { buildTestEngine, type TestEngine } from "../server/testEngine.ts";

const fixtures = path.join(process.cwd(), "test", "fixtures", "imports");
let engine: TestEngine;

before(async () => {
  engine = await buildTestEngine();
});
after(() => engine.dispose());

function cli(...args: string[]) {
  const program = path.join(engine.settings.engineDir, "cli.cjs");
  return spawnSync(process.execPath, [program, ...args], { cwd: engine.root, encoding: "utf8" });
}

test("import makes a run folder that inspect prints and score scores again", () => {
  const out = path.join(engine.root, "imported run");
  const made = cli("import", path.join(fixtures, "trl"), "--out", out);
  assert.equal(made.status, 0, made.stderr);
  assert.equal(made.stdout.split("\n")[0], `16 rollouts in 4 groups. The run folder is ${out}`);
  assert.match(made.stderr, /^Read as rollouts of TRL\.$/m);
  assert.match(made.stderr, /^Rewards: format_reward, accuracy_reward \(the columns of numbers/m);

  const shown = cli("inspect", out, "--step", "1", "--group", "0");
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /When does the red square touch the wall\?/);
  assert.match(shown.stdout, /#0 format_reward 1\.000, accuracy_reward 0\.100/);

  fs.writeFileSync(
    path.join(engine.root, "says.ts"),
    "export const says = (completion) => (completion.text.includes('answer') ? 1 : 0);\n",
  );
  const scored = cli("score", out, "--reward", "says.ts:says", "--json");
  assert.equal(scored.status, 0, scored.stderr);
  const document = JSON.parse(scored.stdout) as {
    rewards: { says: { rollouts: number; errors: number; mean: number } };
  };
  assert.deepEqual([document.rewards.says.rollouts, document.rewards.says.errors], [16, 0], scored.stderr);
  assert.ok(Math.abs(document.rewards.says.mean - 14 / 16) < 1e-9);
});

test("import says what it left out, and its document has everything", () => {
  const log = path.join(engine.root, "verl");
  fs.cpSync(path.join(fixtures, "verl"), log, { recursive: true });
  fs.appendFileSync(path.join(log, "2.jsonl"), "{broken\n");
  const { status, stdout, stderr } = cli("import", log, "--json");
  assert.equal(status, 0, stderr);
  const document = JSON.parse(stdout) as { runDir: string; unread: number; rollouts: number; source: string };
  assert.deepEqual([document.source, document.rollouts, document.unread], ["verl", 20, 1]);
  assert.ok(document.runDir.startsWith(engine.settings.cacheDir));
  assert.match(stderr, /Left out, since it could not be read: 1\n {2}\S+2\.jsonl:5: expected JSON/);
});

test("what is no log is bad input", () => {
  const nothing = cli("import", path.join(engine.root, "nowhere"));
  assert.deepEqual([nothing.status, /there is no such file or folder/.test(nothing.stderr)], [2, true]);
  assert.equal(cli("import").status, 2);
  assert.match(cli("import", "--help").stdout, /^Usage: video-rft import PATH \[--out DIR\] \[--reward COLUMN …\]/);
});
