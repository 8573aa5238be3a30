import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./browser.ts";
import {
  lastPosted,
  sampleRun,
  sampleRuns,
  useDashboard,
  withDashboard,
  type DashboardPage,
} from "./dashboardFixture.ts";

useDashboard();

const plotOf = ({ page }: DashboardPage, key: string) => page.locator(`.chart[data-key="${key}"] .plot`);
const readoutsOf = ({ page }: DashboardPage, key: string) =>
  page.locator(`.chart[data-key="${key}"] .readout-value`).allInnerTexts();

/** Pixels of a chart's canvas that are not background, by column. */
function inkOf({ page }: DashboardPage, key: string): Promise<number[]> {
  return page.locator(`.chart[data-key="${key}"] canvas`).evaluate((canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
    return Array.from({ length: width }, (_, x) => {
      let ink = 0;
      // Blue is the first run; grid and texts are grey.
      for (let y = 0; y < height; y += 1) {
        const at = 4 * (y * width + x);
        const [red = 0, , blue = 0, alpha = 0] = pixels.subarray(at, at + 4);
        if (alpha > 150 && blue > red + 60) ink += 1;
      }
      return ink;
    });
  });
}

test("the page asks for the runs that it showed, and charts what they have recorded", async () => {
  const state = { runDirs: ["/runs/shapes"], smoothing: 0.5, scale: "linear", view: "charts" };
  await withDashboard({ state }, async (dashboard) => {
    const { page } = dashboard;
    assert.deepEqual(await dashboard.posted(), [{ kind: "ready", runDirs: ["/runs/shapes"] }]);
    assert.deepEqual(await page.locator(".section h2").allInnerTexts(), [
      "Reward",
      "Parts of the reward",
      "Held-out evaluation",
      "Policy",
      "Completions",
      "Speed and memory",
      "Other metrics",
    ]);
    const titles = await page.locator(".section[open] .chart-title").allInnerTexts();
    for (const title of ["Mean reward", "tiou", "grounding/mIoU", "KL to the reference policy", "Clipped tokens"]) {
      assert.ok(titles.includes(title), title);
    }
    for (const title of ["Entropy", "Completion length", "Groups without spread", "Sampling speed", "Memory"]) {
      assert.ok(titles.includes(title), title);
    }
    // One dataset's reward is the mean reward; what nobody has recorded has no chart.
    assert.ok(!titles.some((title) => title.startsWith("Mean reward on") || title === "GPU memory"));
    assert.match(await page.locator(".run").innerText(), /moving-shapes\s+Running · step 60 of 200/);
    assert.deepEqual(await readoutsOf(dashboard, "timings/rssBytes"), ["1.46 GB"]);
    assert.equal(await page.locator("#smoothing").inputValue(), "0.5");
  });
});

test("the pointer moves the cursor of all charts; a click opens the step", async () => {
  await withDashboard({}, async (dashboard) => {
    const { page } = dashboard;
    const box = await plotOf(dashboard, "reward").boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width / 2, box.y + 50);
    await settle(page);
    const step = Number(/^Step (\d+)$/.exec(await page.locator(".cursor-step").innerText())?.[1]);
    assert.ok(step > 15 && step < 45, String(step));
    const run = sampleRun();
    const index = run.curves.steps.indexOf(step);
    const entropy = Number((run.curves.columns["entropy"]?.[index] ?? NaN).toPrecision(3));
    assert.deepEqual(await readoutsOf(dashboard, "entropy"), [String(entropy)]);
    const lines = await page
      .locator(".section[open] .u-cursor-x")
      .evaluateAll((nodes) => nodes.map((node) => Math.round(new DOMMatrix(getComputedStyle(node).transform).e)));
    assert.ok(lines.length > 10 && lines.every((left) => left > 0), lines.join(" "));
    await page.mouse.click(box.x + box.width / 2, box.y + 50);
    assert.deepEqual(await lastPosted(dashboard), { kind: "openStep", runDir: "/runs/shapes", step });
    await page.mouse.move(5, 5);
    await settle(page);
    assert.equal(await page.locator(".cursor-step").innerText(), "");
  });
});

test("the keyboard does the same: arrows move, Enter opens the chosen run", async () => {
  await withDashboard({ runs: sampleRuns(2) }, async (dashboard) => {
    const { page } = dashboard;
    const plot = plotOf(dashboard, "reward");
    await plot.focus();
    await page.keyboard.press("Home");
    for (let i = 0; i < 4; i += 1) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowLeft");
    await settle(page);
    assert.equal(await plot.getAttribute("aria-valuenow"), "4");
    assert.match(
      (await plot.getAttribute("aria-valuetext")) ?? "",
      /^Step 4: chosen run moving-shapes 0\.\d+, moving-shapes-beta0 0\.\d+$/,
    );
    await page.keyboard.press("Enter");
    assert.deepEqual(await lastPosted(dashboard), { kind: "openStep", runDir: "/runs/moving-shapes", step: 4 });
    await page.keyboard.press("ArrowDown");
    await settle(page);
    await page.keyboard.press("Enter");
    assert.deepEqual(await lastPosted(dashboard), { kind: "openStep", runDir: "/runs/moving-shapes-beta0", step: 4 });
  });
});

test("a click opens the run whose line is nearest", async () => {
  const flat = (runDir: string, value: number) =>
    sampleRun({ runDir, name: runDir, curves: { steps: [1, 2, 3], columns: { reward: [value, value, value] } } });
  await withDashboard({ runs: [flat("/low", 0), flat("/high", 1)] }, async (dashboard) => {
    const box = await plotOf(dashboard, "reward").boundingBox();
    assert.ok(box !== null);
    for (const [y, runDir] of [
      [30, "/high"],
      [110, "/low"],
    ] as const) {
      await dashboard.page.mouse.click(box.x + box.width - 12, box.y + y);
      assert.deepEqual(await lastPosted(dashboard), { kind: "openStep", runDir, step: 3 });
    }
  });
});

test("a missing value is a gap, not a line across it", async () => {
  await withDashboard({}, async (dashboard) => {
    await plotOf(dashboard, "kl").scrollIntoViewIfNeeded();
    const ink = await inkOf(dashboard, "kl");
    const drawn = ink.flatMap((count, x) => (count > 0 ? [x] : []));
    const [first = 0, last = 0] = [drawn[0], drawn.at(-1)];
    const stepX = (step: number): number => Math.round(first + ((step - 1) / 59) * (last - first));
    const inGap = ink.slice(stepX(20) + 2, stepX(29) - 2);
    assert.ok(inGap.length > 5 && inGap.every((count) => count === 0), inGap.join(" "));
    assert.ok(ink[stepX(10)] !== 0 && ink[stepX(40)] !== 0);
  });
});

test("smoothing draws the mean over the curve, and readouts stay what was recorded", async () => {
  await withDashboard({}, async (dashboard) => {
    const { page } = dashboard;
    const before = await readoutsOf(dashboard, "loss");
    const plain = (await inkOf(dashboard, "loss")).reduce((a, b) => a + b, 0);
    await page.locator("#smoothing").fill("0.9");
    await settle(page);
    assert.equal(await page.locator(".smoothing-value").innerText(), "0.90");
    assert.deepEqual(await readoutsOf(dashboard, "loss"), before);
    assert.ok((await inkOf(dashboard, "loss")).reduce((a, b) => a + b, 0) < plain);
    const saved = await page.evaluate(() => (globalThis as unknown as { state: { smoothing: number } }).state);
    assert.equal(saved.smoothing, 0.9);
  });
});

test("a logarithmic axis leaves out what it has no place for, and says so", async () => {
  const columns = { reward: [0.01, 0, 10], loss: [-1, -2, -3] };
  const runs = [sampleRun({ curves: { steps: [1, 2, 3], columns }, evaluations: [] })];
  await withDashboard({ runs }, async ({ page }) => {
    await page.locator("vscode-checkbox", { hasText: "Log scale" }).click();
    await settle(page);
    const noteOf = (key: string) => page.locator(`.chart[data-key="${key}"] .chart-note`).innerText();
    assert.equal(await noteOf("reward"), "1 value of 0 or less is not shown.");
    assert.equal(await noteOf("loss"), "Linear: there is no value above 0.");
  });
});

test("dragging zooms all charts; All steps and a double click take it back", async () => {
  await withDashboard({}, async (dashboard) => {
    const { page } = dashboard;
    const box = await plotOf(dashboard, "reward").boundingBox();
    assert.ok(box !== null);
    const drag = async () => {
      await page.mouse.move(box.x + 120, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + 160, box.y + 62, { steps: 4 });
      await page.mouse.up();
      await settle(page);
    };
    const whole = await inkOf(dashboard, "rewards/tiou/mean");
    await drag();
    const all = page.locator("vscode-button", { hasText: "All steps" });
    assert.ok(await all.isVisible());
    assert.notDeepEqual(await inkOf(dashboard, "rewards/tiou/mean"), whole);
    assert.ok(!(await dashboard.posted()).some(({ kind }) => kind === "openStep"), "a drag is no click");
    await all.click();
    await page.mouse.move(5, 5);
    await settle(page);
    assert.ok(!(await all.isVisible()));
    assert.deepEqual(await inkOf(dashboard, "rewards/tiou/mean"), whole);
    await drag();
    await page.mouse.dblclick(box.x + 140, box.y + 60);
    await settle(page);
    assert.ok(!(await all.isVisible()));
  });
});

test("tables hold the same values, each a button that opens its step", async () => {
  const runs = sampleRuns(2);
  await withDashboard({ runs }, async (dashboard) => {
    const { page } = dashboard;
    await page.locator("vscode-checkbox", { hasText: "Tables" }).click();
    await settle(page);
    assert.equal(await page.locator(".plot:visible").count(), 0);
    const table = page.locator('.chart[data-key="reward"] table');
    assert.deepEqual(await table.locator("thead th").allInnerTexts(), ["Step", "moving-shapes", "moving-shapes-beta0"]);
    assert.equal(await table.locator("tbody tr").count(), 60);
    const kl = page.locator('.chart[data-key="kl"] tbody tr').nth(19);
    assert.deepEqual(await kl.locator("td").allInnerTexts(), ["–", "–"]);
    const cell = table.locator("tbody tr").nth(2).getByRole("button").last();
    assert.match((await cell.getAttribute("aria-label")) ?? "", /^0\.\d+, rollouts of moving-shapes-beta0 at step 3$/);
    await cell.press("Enter");
    assert.deepEqual(await lastPosted(dashboard), { kind: "openStep", runDir: "/runs/moving-shapes-beta0", step: 3 });
  });
  await withDashboard({ runs: [sampleRun({}, 500)] }, async ({ page }) => {
    await page.locator("vscode-checkbox", { hasText: "Tables" }).click();
    await settle(page);
    const table = page.locator('.chart[data-key="reward"] table');
    assert.equal(await table.locator("caption").innerText(), "Mean reward, 60 of 500 steps");
    assert.deepEqual(await table.locator("tbody th").first().innerText(), "1");
    assert.deepEqual(await table.locator("tbody th").last().innerText(), "500");
  });
});

test("a live run goes on in place: charts, zoom and cursor stay", async () => {
  await withDashboard({ runs: [sampleRun({}, 10)] }, async (dashboard) => {
    const { page } = dashboard;
    const plot = plotOf(dashboard, "reward");
    await plot.focus();
    await page.keyboard.press("Home");
    await plot.evaluate((node) => (node.dataset["same"] = "yes"));
    await dashboard.send({ kind: "runs", runs: [sampleRun({}, 30)] });
    await settle(page);
    assert.equal(await plot.getAttribute("data-same"), "yes");
    assert.deepEqual([await plot.getAttribute("aria-valuenow"), await plot.getAttribute("aria-valuemax")], ["1", "30"]);
    assert.ok(await plot.evaluate((node) => node === document.activeElement));
  });
});

test("runs are chosen and removed through the host; what cannot be read is told", async () => {
  const broken = {
    ...sampleRun(),
    runDir: "/gone",
    name: "gone",
    state: null,
    problem: "/gone: expected a run folder",
  };
  const runs = [sampleRun(), { ...broken, curves: { steps: [], columns: {} }, evaluations: [] }];
  await withDashboard({ runs }, async (dashboard) => {
    const { page } = dashboard;
    assert.equal(await page.locator(".notice").innerText(), "gone: /gone: expected a run folder");
    await page.getByRole("button", { name: "Remove gone" }).click();
    assert.deepEqual(await lastPosted(dashboard), { kind: "removeRun", runDir: "/gone" });
    await page.getByRole("button", { name: "Choose runs…" }).click();
    assert.deepEqual(await lastPosted(dashboard), { kind: "chooseRuns" });
    await dashboard.send({ kind: "runs", runs: [] });
    await settle(page);
    assert.equal(await page.locator(".empty").innerText(), "No run is shown. Choose up to four to compare.");
    const waiting = sampleRun({ curves: { steps: [], columns: {} }, evaluations: [] });
    await dashboard.send({ kind: "runs", runs: [waiting] });
    await settle(page);
    assert.match(await page.locator(".empty").innerText(), /^No step has ended yet/);
  });
});
