import fs from "node:fs";
import readline from "node:readline";
import { pathToFileURL } from "node:url";
import type { RewardError } from "../../../protocol/records.ts";
import type { HostAnswer, HostOutcome, HostRequest, LoadedFile } from "../hostProtocol.ts";
import { callForBatch, callForEach, failed, thrown } from "./callReward.ts";
import { CallCoverage } from "./coverage.ts";
import { installModuleHooks } from "./moduleHooks.ts";
import { replay } from "./replay.ts";

/**
 * The process that holds one reward file of the workspace. With `--replay FILE` it calls a function on recorded rollouts
 * and prints what it returns: that is what the debugger starts.
 */
const answerDescriptor = 3;
/** Outcomes are told in lumps, so that a cheap reward is not slowed by telling. */
const tellAfterMs = 20;
const tellAtMost = 256;

type Module = Readonly<Record<string, unknown>>;
type AnyFunction = (...args: unknown[]) => unknown;

let module: Module = {};
let loadedFiles = (): readonly string[] => [];

const replayed = process.argv.indexOf("--replay");
if (replayed >= 0) {
  installModuleHooks(null);
  void replay(process.argv[replayed + 1] ?? "", importModule);
} else {
  serve();
}

function serve(): void {
  let turn: Promise<void> = Promise.resolve();
  const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on("line", (line) => {
    // SAFETY: the parent is the only writer, and both are built together.
    const request = JSON.parse(line) as HostRequest;
    turn = turn.then(() => handle(request));
  });
  lines.on("close", () => process.exit(0));
}

async function handle(request: HostRequest): Promise<void> {
  const { id } = request;
  try {
    if (request.kind === "load") answer({ kind: "loaded", id, file: await load(request) });
    else if (request.kind === "score") await score(request);
    else await cover(request);
  } catch (error) {
    answer({ kind: "failed", id, error: loadError(error) });
  }
}

async function load({ file, sources }: Extract<HostRequest, { kind: "load" }>): Promise<LoadedFile> {
  loadedFiles = installModuleHooks(sources);
  module = await importModule(file);
  const functions = Object.keys(module).filter((name) => typeof module[name] === "function");
  return { functions, files: loadedFiles(), wantsTokenIds: [], runtime: `Node ${process.versions.node}` };
}

async function importModule(file: string): Promise<Module> {
  // SAFETY: a module's namespace is an object of its exports.
  return (await import(pathToFileURL(file).href)) as Module;
}

async function score(request: Extract<HostRequest, { kind: "score" }>): Promise<void> {
  const { id, groups, isCareful } = request;
  const reward = functionNamed(request.function);
  const teller = createTeller(id, isCareful);
  const call = request.signature === "batch" ? callForBatch : callForEach;
  await call(reward, groups, { isCareful, tell: (index, outcome) => teller.tell(index, outcome) });
  teller.flush();
  answer({ kind: "scored", id });
}

async function cover(request: Extract<HostRequest, { kind: "cover" }>): Promise<void> {
  const { id, groups, signature } = request;
  const reward = functionNamed(request.function);
  const coverage = new CallCoverage(loadedFiles());
  const ignore = { isCareful: true, tell: () => undefined };
  let at = 0;
  for (const group of groups) {
    const places = group.completions.map(() => at++);
    if (signature === "batch") {
      await callForBatch(reward, [group], ignore);
      coverage.count(places);
      continue;
    }
    for (const [k, completion] of group.completions.entries()) {
      await callForEach(reward, [{ ...group, completions: [completion] }], ignore);
      coverage.count(places.slice(k, k + 1));
    }
  }
  answer({ kind: "covered", id, files: coverage.end() });
}

/** @throws Error that becomes the failure of the request */
function functionNamed(name: string): AnyFunction {
  const reward = module[name];
  if (isFunction(reward)) return reward;
  const known = Object.keys(module).filter((other) => typeof module[other] === "function");
  throw new MissingFunction(
    `expected an exported function ${name}, found ${known.length === 0 ? "none" : known.join(", ")}`,
  );
}

class MissingFunction extends Error {}

function createTeller(id: number, isCareful: boolean) {
  let from = 0;
  let waiting: HostOutcome[] = [];
  let toldAtMs = performance.now();
  const flush = (): void => {
    if (waiting.length > 0) answer({ kind: "outcomes", id, from, outcomes: waiting });
    waiting = [];
    toldAtMs = performance.now();
  };
  return {
    flush,
    tell(index: number, outcome: HostOutcome): void {
      if (index !== from + waiting.length) flush();
      if (waiting.length === 0) from = index;
      waiting.push(outcome);
      if (isCareful || waiting.length >= tellAtMost || performance.now() - toldAtMs > tellAfterMs) flush();
    },
  };
}

/** Written at once: what was told stays told when the next call ends the process. */
function answer(message: HostAnswer): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(answerDescriptor, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the reader is behind
    }
  }
}

function loadError(error: unknown): RewardError {
  if (error instanceof MissingFunction) return failed("load", error.message).error;
  const { message, stack } = thrown(error).error;
  const hint =
    error instanceof SyntaxError && message.includes("does not provide an export named")
      ? " Types are imported with `import type`."
      : "";
  return { kind: "load", message: message + hint, ...(stack === undefined ? {} : { stack }) };
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}
