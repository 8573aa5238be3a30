import assert from "node:assert/strict";
import { test } from "node:test";
import type { LintFinding } from "../../../src/engine/lint/finding.ts";
import { flatShare, successOf } from "../../../src/engine/lint/run/groupLint.ts";
import { lintRun } from "../../../src/engine/lint/run/lintRun.ts";
import type { DiagnosticCode } from "../../../src/protocol/diagnostics.ts";
import { formatPath } from "../../../src/engine/lint/setFix.ts";
import { healthyMetrics, learns, madeRun, type MadeRun, type Saying } from "./madeRun.ts";

/** The only finding of a run. */
function only(code: DiagnosticCode, made: MadeRun): LintFinding {
  const findings = lintRun(madeRun(made));
  assert.deepEqual(
    findings.map((finding) => finding.code),
    [code],
    findings.map(({ message }) => message).join("\n"),
  );
  return findings[0] ?? assert.fail();
}

const placeOf = ({ place }: LintFinding): string => (place.kind === "spec" ? formatPath(place.path) : place.kind);
const titles = ({ fixes }: LintFinding): string[] => fixes.map(({ title }) => title);
const answer = (start: number, end: number): string => `<answer>${start.toFixed(1)} to ${end.toFixed(1)}</answer>`;

test("a run that learns has no findings, nor has one that has just begun", () => {
  assert.deepEqual(lintRun(madeRun()), []);
  assert.deepEqual(lintRun(madeRun({ steps: 0 })), []);
  assert.deepEqual(lintRun(madeRun({ steps: 1 })), []);
  assert.deepEqual(lintRun(madeRun({ task: "multiple-choice", say: choosesBetter })), []);
});

/** Right more often as it goes on. */
const choosesBetter: Saying = ({ progress, step, k, uniform, hard }) => {
  const option = uniform() < 0.3 + 0.4 * progress + 0.3 * (hard - 0.5) ? "C" : "A";
  return { text: `<think>${step} ${k} ${uniform()}</think><answer>${option}</answer>`, tokens: 60 };
};

test("a reward that never varies", () => {
  const constant = only("reward-constant", {
    spec: { rewards: [{ name: "format" }, { name: "tiou" }, { file: "rewards.ts", function: "polite" }] },
    say: (at) => ({ ...learns(at), workspace: { polite: 0.25 } }),
  });
  assert.match(
    constant.message,
    /The reward polite was 0\.25 in all 960 rollouts so far \(120 groups, steps 1 to 60\)/,
  );
  assert.equal(placeOf(constant), "rewards.polite");
  assert.deepEqual(titles(constant), ['Remove the reward "polite"', "Set its weight to 0 (it is still recorded)"]);
  // Basis: the finding ends when the reward is another one.
  assert.deepEqual(
    constant.basis.map(({ path }) => formatPath(path)),
    ["rewards.polite"],
  );
  const strange: MadeRun = { spec: { rewards: [{ name: "format" }, { name: "tiou" }] }, say: withoutForm };
  assert.match(only("reward-constant", strange).message, /The reward format was 0 in all 960 rollouts/);
  const silenced: MadeRun = { spec: { rewards: [{ name: "tiou" }, { file: "r.ts", function: "polite", weight: 0 }] } };
  assert.deepEqual(lintRun(madeRun({ ...silenced, say: (at) => ({ ...learns(at), workspace: { polite: 1 } }) })), []);
});

/** Nothing to punish is as it should be; nothing that is ever paid for is not. */
const withoutForm: Saying = (at) => ({
  ...learns(at),
  text: learns(at).text.replace("<think>", "").replace("</think>", ""),
});

test("a reward that fails often, with the limit that would help where a limit is what fails", () => {
  const fails: Saying = (at) => ({
    ...learns(at),
    workspace: { polite: at.k === 0 ? new Error("no attribute 'lower'.\nat line 3") : at.uniform() },
  });
  const spec = { rewards: [{ name: "tiou" }, { file: "rewards.py", function: "polite", onError: "zero" }] } as const;
  const finding = only("reward-errors", { spec: { rewards: [...spec.rewards] }, say: fails });
  assert.match(
    finding.message,
    /^120 of 960 rollouts \(13 %, steps 1 to 60\) have a reward that failed: polite, e\.g\. in/,
  );
  assert.match(finding.message, /exception, no attribute 'lower'\. What failed scored 0/);
  assert.deepEqual(titles(finding), ["Leave rollouts out whose reward fails"]);
});

test("a reward that rises while the answers stay as they are", () => {
  const chats: Saying = (at) => {
    const { text, tokens } = learns({ ...at, progress: 0 });
    return { text, tokens, workspace: { confident: at.progress + 0.1 * at.uniform() } };
  };
  const rewards = [{ name: "format" }, { name: "tiou" }, { file: "rewards.ts", function: "confident" }] as const;
  const finding = only("reward-hacking", { spec: { rewards: [...rewards] }, say: chats });
  assert.match(finding.message, /The reward of temporal-grounding without format rose by 0\.\d+ ± 0\.\d+/);
  assert.match(finding.message, /tiou changed by -?0\.\d+ ± 0\.\d+: at most \d+ % of the rise/);
  assert.match(finding.message, /It comes from confident/);
  assert.equal(placeOf(finding), "rewards.confident");
  assert.deepEqual(titles(finding), ["Set rewards.confident.weight to 0.5", 'Remove the reward "confident"']);
});

test("an evaluation that falls while the reward rises", () => {
  const chats: Saying = (at) => ({ ...learns(at), workspace: { confident: at.progress + 0.1 * at.uniform() } });
  const rewards = [{ file: "rewards.ts", function: "confident" }] as const;
  const score = (value: number) => ({ "test/mIoU": { value, low: value - 0.05, high: value + 0.05, n: 100 } });
  const evaluation = (step: number, value: number) => ({
    ...{ version: 3, step, scores: score(value), baselines: {}, settings: {} },
  });
  const data = { id: "test", task: "temporal-grounding", format: "charades-sta", path: "t.json", videos: "v" } as const;
  const made = (last: number): MadeRun => ({
    spec: { rewards: [...rewards], evaluate: { data: [data] } },
    say: chats,
    evidence: { evaluations: [evaluation(0, 0.5), evaluation(60, last)] },
  });
  assert.match(only("reward-hacking", made(0.3)).message, /test\/mIoU fell from 0\.5 to 0\.3 \(at most 0\.35, n 100\)/);
  assert.deepEqual(lintRun(madeRun(made(0.48))), [], "within its interval");
});

test("groups that are all right or all wrong, beside what the success rate lets one expect", () => {
  // Every prompt is always right or always wrong.
  const decided: Saying = ({ step, k, hard, uniform }) => ({
    text: `<think>${step} ${k} ${uniform()}</think><answer>${hard < 0.5 ? "C" : "A"}</answer>`,
    tokens: 60,
  });
  const finding = only("zero-variance-groups", { task: "multiple-choice", say: decided });
  assert.match(
    finding.message,
    /^100 of the last 100 groups \(100 %, steps 11 to 60\).*: \d+ all wrong, \d+ all right\./,
  );
  // p^8 + (1-p)^8 is 0.8 % at p = 0.5.
  assert.match(finding.message, /At a success rate of 0\.\d+, \d(\.\d)? % are expected of 8 completions/);
  assert.match(finding.message, /Prompts differ too much for larger groups to help/);
  assert.equal(placeOf(finding), "grpo.groupSize");
  assert.match(titles(finding)[0] ?? "", /Set grpo\.groupSize to 16 \(about 100 % of the groups/);

  // All prompts are equally hard: larger groups help, and the finding says so.
  const seldom: Saying = ({ step, k, uniform }) => ({
    text: `<think>${step} ${k} ${uniform()}</think><answer>${uniform() < 0.04 ? "C" : "A"}</answer>`,
    tokens: 60,
  });
  const grows = only("zero-variance-groups", { task: "multiple-choice", say: seldom, steps: 200 });
  assert.match(grows.message, /Raise groupSize, or leave out prompts/);
});

test("the share of groups without a gradient follows a binomial, and a beta-binomial where prompts differ", () => {
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);
  near(flatShare(8, { rate: 0.5, correlation: 0 }), 2 * 0.5 ** 8);
  near(flatShare(8, { rate: 0.1, correlation: 0 }), 0.1 ** 8 + 0.9 ** 8);
  near(flatShare(2, { rate: 0.5, correlation: 0.5 }), 0.75); // uniform rates: 2 * integral of p^2 = 2/3 at rho = 1/3
  near(flatShare(2, { rate: 0.5, correlation: 1 / 3 }), 2 / 3);
  near(flatShare(8, { rate: 0.3, correlation: 1 }), 1);
  const outcome = (right: number) => ({ outcome: { mean: right / 8, right, count: 8 } });
  assert.deepEqual(successOf([outcome(8), outcome(0)])?.correlation, 1);
  assert.deepEqual(successOf([outcome(4), outcome(4)]), { rate: 0.5, correlation: 0 });
  assert.equal(successOf([{ outcome: null }, { outcome: null }]), null);
});

test("completions that repeat each other", () => {
  const parrot: Saying = ({ k, hard, step }) => ({
    text: `<think>${step}</think>${answer(5 + (k % 2) * 3 * hard, 10)}`,
    tokens: 60,
  });
  const finding = only("duplicate-completions", { say: parrot, spec: { grpo: { temperature: 0.7, groupSize: 8 } } });
  assert.match(finding.message, /^75 % of 960 completions repeat another one of their group word for word/);
  assert.deepEqual(titles(finding), ["Set grpo.temperature to 1"]);
  const short: Saying = ({ k, hard }) => ({ text: answer(5 + (k % 2) * 3 * hard, 10), tokens: 12 });
  assert.deepEqual(lintRun(madeRun({ say: short, think: false })), [], "two times have few spellings");
});

test("completions that reach the limit", () => {
  const long: Saying = (at) => ({ ...learns(at), tokens: at.uniform() < 0.2 ? 195 : 60 });
  const finding = only("truncated-completions", { say: long });
  assert.match(
    finding.message,
    /^\d+ of the last 800 completions \(\d+ %, steps 11 to 60\) reach maxCompletionLength 200/,
  );
  assert.deepEqual(titles(finding), ["Set grpo.maxCompletionLength to 400"]);
  assert.deepEqual(lintRun(madeRun({ say: long, evidence: { isImported: true } })), [], "an import has no such limit");
});

test("completions that get longer or shorter", () => {
  const drifts =
    (to: number): Saying =>
    (at) => ({ ...learns(at), tokens: Math.round(80 + (to - 80) * at.progress + 10 * at.uniform()) });
  const longer = only("length-drift", { say: drifts(170) });
  assert.match(longer.message, /get longer: \d+(\.\d)? ± [\d.]+, then 1\d\d ± [\d.]+ tokens/);
  assert.deepEqual(titles(longer), ["Set grpo.lossType to dr_grpo (no length bias)", 'Add the reward "overlong"']);
  const shorter = only("length-drift", { say: drifts(25) });
  assert.match(shorter.message, /get shorter/);
  assert.deepEqual(titles(shorter), ["Set grpo.lossType to dr_grpo (no length bias)"]);
  assert.deepEqual(lintRun(madeRun({ say: drifts(100) })), []);
});

test("a policy that runs away from its reference", () => {
  const metrics =
    (kl: (step: number) => number): MadeRun["metrics"] =>
    (at) => ({ ...healthyMetrics(at), kl: kl(at.step) });
  const away = only("kl-runaway", { metrics: metrics((step) => (step > 50 ? 0.4 : 0.01)) });
  assert.match(away.message, /is 0\.4 a token \(median of steps 56 to 60; before that 0\.01, 60 steps\)/);
  assert.deepEqual(titles(away), ["Set grpo.learningRate to 5e-7", "Set grpo.beta to 0.08"]);
  assert.equal(placeOf(away), "grpo.beta");
  assert.equal(only("kl-runaway", { metrics: metrics(() => 1.5) }).severity, "warning");
  assert.deepEqual(lintRun(madeRun({ metrics: metrics((step) => (step === 58 ? 5 : 0.01)) })), [], "one spike");
  const broken = only("kl-runaway", { steps: 5, metrics: metrics((step) => (step === 4 ? NaN : 0.01)) });
  assert.match(broken.message, /not a finite number in step 4/);
  assert.equal(broken.severity, "error");
});

test("ratios that are clipped: never with one iteration, too often with several", () => {
  const clipped =
    (share: number): MadeRun["metrics"] =>
    (at) => ({ ...healthyMetrics(at), "clip_ratio/region_mean": share });
  const onPolicy = only("ratio-clipped", { metrics: clipped(0.05) });
  assert.match(onPolicy.message, /numIterations is 1 and every ratio should be 1/);
  assert.deepEqual([onPolicy.severity, titles(onPolicy)], ["error", []]);
  const spec = { grpo: { numIterations: 4, groupSize: 8, maxCompletionLength: 200 } };
  assert.deepEqual(lintRun(madeRun({ metrics: clipped(0.2), spec })), []);
  const often = only("ratio-clipped", { metrics: clipped(0.4), spec });
  assert.deepEqual(titles(often), ["Set grpo.learningRate to 5e-7", "Set grpo.numIterations to 2"]);
});

test("entropy that is gone", () => {
  const entropy =
    (end: number): MadeRun["metrics"] =>
    (at) => ({
      ...healthyMetrics(at),
      entropy: 1.2 + (end - 1.2) * at.progress + 0.02 * at.uniform(),
    });
  const gone = only("entropy-collapse", { metrics: entropy(0.02) });
  assert.match(gone.message, /^The entropy is 0\.\d+ a token \(steps 51 to 60\), \d+ % of what it was/);
  assert.deepEqual(titles(gone), ["Set grpo.learningRate to 5e-7"]);
  assert.deepEqual(lintRun(madeRun({ metrics: entropy(0.5) })), []);
});

test("a reward that is no function of what it is given", () => {
  const repeat = { reward: "moody", file: "rewards.ts", function: "moody", calls: 16, differing: 3 };
  const largest = { id: "4/1/2", first: 0.5, second: null };
  const finding = only("reward-not-deterministic", { evidence: { repeats: [{ ...repeat, largest }] } });
  assert.match(finding.message, /^moody gave 3 of 16 rollouts another value.*e\.g\. 4\/1\/2: 0\.5, then none\./);
  assert.deepEqual(finding.place, { kind: "function", file: "rewards.ts", function: "moody" });
  const same = { ...repeat, differing: 0, largest: null };
  assert.deepEqual(lintRun(madeRun({ evidence: { repeats: [same] } })), []);
});

test("right answers of a run that a strict parser would not pay for", () => {
  const loose: Saying = (at) => {
    const said = learns(at);
    return { ...said, text: said.text.replace(" to ", " - ") };
  };
  const finding = only("strict-parser-rejects", { say: loose });
  assert.match(finding.message, /^VideoChat-R1 grpo_tg\.py would give 0 to (\d+) of \1 right answers/);
  assert.equal(finding.severity, "info");
});
