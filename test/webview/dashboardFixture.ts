import assert from "node:assert/strict";
import { after, before } from "node:test";
import { curvesOf } from "../../src/extension/dashboard/runCurves.ts";
import type { DashboardRun, DashboardToHost, HostToDashboard } from "../../src/protocol/dashboard.ts";
import type { MetricsRecord, TimingsRecord } from "../../src/protocol/records.ts";
import { startPageBrowser, type PageBrowser, type WebviewPage } from "./browser.ts";
import { framePng } from "./frames.ts";
import { darkModern, type Theme } from "./themes.ts";

export type DashboardPage = WebviewPage<HostToDashboard, DashboardToHost>;

let browser: PageBrowser<HostToDashboard, DashboardToHost>;

/** One browser for the tests of a file. */
export function useDashboard(): void {
  before(async () => {
    browser = await startPageBrowser("dashboard", [framePng(8, 8, { x0: 0, y0: 0, x1: 1, y1: 1 })]);
  });
  after(async () => {
    await browser.close();
  });
}

/** A page with the runs at hand; closed after `use`, which must leave no error and no violation of the CSP. */
export async function withDashboard(
  options: { theme?: Theme; width?: number; state?: unknown; runs?: readonly DashboardRun[] },
  use: (dashboard: DashboardPage) => Promise<void>,
): Promise<void> {
  const { theme = darkModern, width = 1200, state, runs = [sampleRun()] } = options;
  const dashboard = await browser.open({ theme, width, height: 900, state });
  await dashboard.send({ kind: "runs", runs });
  await use(dashboard);
  assert.deepEqual(await dashboard.problems(), []);
  await dashboard.close();
}

/** A run of `steps` steps that learns, with the keys that a run of ours records; `shift` makes another one of it. */
export function sampleRun(change: Partial<DashboardRun> = {}, steps = 60, shift = 0): DashboardRun {
  const metrics: MetricsRecord[] = [];
  const timings: TimingsRecord[] = [];
  for (let step = 1; step <= steps; step += 1) {
    const noise = (seed: number): number => (((step * 7919 + seed * 104729 + shift * 31) % 1000) / 1000 - 0.5) * 0.2;
    const learned = 1 - Math.exp(-step / (25 + 10 * shift));
    const format = Math.min(1, Math.max(0, 0.3 + 0.7 * learned + noise(1)));
    const tiou = Math.min(1, Math.max(0, 0.1 + 0.5 * learned + noise(2)));
    metrics.push({
      version: 3,
      step,
      metrics: {
        reward: format + tiou,
        reward_std: Math.max(0, 0.5 - 0.4 * learned + noise(3)),
        frac_reward_zero_std: step % 4 === 0 ? 0.25 : 0,
        "rewards/format/mean": format,
        "rewards/format/std": 0.2,
        "rewards/tiou/mean": tiou,
        "rewards/tiou/std": 0.1,
        "grounding/reward": format + tiou,
        // The reference policy is not asked at every step: a gap.
        ...(step >= 20 && step < 30 ? {} : { kl: 0.002 * step + Math.abs(noise(4)) * 0.05 }),
        entropy: 1.2 - 0.8 * learned + noise(5),
        "clip_ratio/region_mean": Math.abs(noise(6)) * 0.2,
        loss: noise(7) / 10,
        grad_norm: 0.5 + Math.abs(noise(8)) * 5,
        learning_rate: 1e-4 * (1 - step / steps),
        "completions/mean_length": 60 - 20 * learned + 40 * noise(9),
        "completions/clipped_ratio": Math.max(0, 0.2 - 0.2 * learned),
        num_tokens: step * 4000,
      },
    });
    timings.push({
      version: 3,
      step,
      stepSec: 2 + noise(10),
      decodeSec: 0.1,
      sampleSec: 1.2,
      rewardSec: 0.05,
      updateSec: 0.6,
      tokensPerSec: 220 + 100 * noise(11),
      rssBytes: 1.4e9 + 1e6 * step,
    });
  }
  const score = (value: number) => ({ value, low: value - 0.06, high: value + 0.05 });
  return {
    runDir: "/runs/shapes",
    name: "moving-shapes",
    state: {
      version: 3,
      status: "running",
      phase: "sampling",
      step: steps,
      steps: 200,
      updatedAt: "2026-01-02T10:00:00.000Z",
      reward: 1,
      lastCheckpoint: null,
    },
    alive: true,
    problem: null,
    rolloutSteps: Array.from({ length: steps }, (_, i) => i + 1),
    curves: curvesOf(metrics, timings),
    evaluations: [0, 30, 60]
      .filter((step) => step <= steps)
      .map((step) => ({ step, scores: { "grounding/mIoU": score(0.2 + step / 200), "choice/accuracy": score(0.4) } })),
    ...change,
  };
}

/** Up to four runs of different lengths. */
export function sampleRuns(count: number): DashboardRun[] {
  const names = ["moving-shapes", "moving-shapes-beta0", "charades-qwen-3b-long-name-of-an-ablation", "tracking"];
  return names
    .slice(0, count)
    .map((name, i) => sampleRun({ runDir: `/runs/${name}`, name, alive: i === 0 }, 60 - 12 * i, i));
}

export async function lastPosted(dashboard: DashboardPage): Promise<DashboardToHost | undefined> {
  return (await dashboard.posted()).at(-1);
}
