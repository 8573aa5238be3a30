import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./browser.ts";
import type { ViewerPage } from "./browser.ts";
import { frameText, lastPosted, useBrowser, withPage } from "./pageFixture.ts";
import { attack, frameCount, sampleGroups, sampleRun, squareAt, trackTruth } from "./sample.ts";

useBrowser();

const nothingOpen = { list: false, tokens: false, seen: false, boxes: true };

test("the page says it is ready and asks for what it lacks", async () => {
  await withPage({}, async (viewer) => {
    const posted = await viewer.posted();
    assert.deepEqual(
      posted.map((message) => message.kind),
      ["ready", "selected", "needStep", "needFrames"],
    );
    assert.deepEqual(posted[0], { kind: "ready", selection: null });
  });
});

test("run, prompt and the completions side by side are shown", async () => {
  await withPage({}, async ({ page }) => {
    assert.equal(await page.locator(".run-name").innerText(), "moving-shapes");
    assert.equal(await page.locator(".run-status").innerText(), "Running · sampling · step 42 of 200");
    assert.equal(await page.locator(".question").innerText(), "The red square touches the right wall");
    assert.equal(await page.locator(".facts").innerText(), "Temporal grounding · grounding · clip_142_0");
    assert.equal(await page.locator(".group-stats").innerText(), "Reward 1.22 ± 0.63");
    assert.equal(await page.locator(".card").count(), 8);
    const sixth = page.locator(".card").nth(5);
    assert.equal(await sixth.locator(".advantage-value").innerText(), "+1.04");
    assert.equal(await sixth.locator(".card-reward-value").innerText(), "1.88");
    assert.deepEqual(await sixth.locator(".reward-part").allInnerTexts(), ["format\n1.00", "tiou\n0.88"]);
    assert.match(await sixth.locator(".card-foot").innerText(), /^eos\s+\d+ tokens\s+entropy 0\.91\s+KL 0\.017$/);
    const seventh = page.locator(".card").nth(6);
    assert.equal(await seventh.locator(".problem").innerText(), "No <answer>…</answer>");
    assert.match(await seventh.locator(".card-foot").innerText(), /^length/);
    assert.match(await seventh.locator("summary").innerText(), /not closed/);
    assert.equal(await page.locator(".card").first().getAttribute("data-tone"), "positive");
    assert.equal(await page.locator(".card").nth(7).getAttribute("data-tone"), "negative");
  });
});

test("what a completion says stays text", async () => {
  await withPage({}, async ({ page }) => {
    const fourth = page.locator(".card").nth(3);
    assert.equal(await fourth.locator("img, b").count(), 0);
    assert.equal(await fourth.locator(".section-answer .model-text").innerText(), attack);
    assert.equal(await page.evaluate(() => document.body.dataset["attacked"]), undefined);
  });
});

test("lanes show truth and predictions on one time axis", async () => {
  await withPage({}, async ({ page }) => {
    const span = (selector: string): Promise<{ left: number; right: number }> =>
      page.locator(selector).evaluate((bar) => {
        const track = bar.parentElement?.getBoundingClientRect() ?? new DOMRect();
        const bounds = bar.getBoundingClientRect();
        return { left: (bounds.left - track.left) / track.width, right: (bounds.right - track.left) / track.width };
      });
    const close = (actual: number, expectedSec: number): void => {
      assert.ok(Math.abs(actual - expectedSec / 8) < 0.005, `${actual * 8} is not ${expectedSec}`);
    };
    const truth = await span(".truth-lane .truth-bar");
    close(truth.left, 3.1);
    close(truth.right, 5.2);
    const second = await span("#lane-1 .bar");
    close(second.left, 1.5);
    close(second.right, 4);
    assert.deepEqual(await page.locator(".lane .lane-value").allInnerTexts(), [
      "0.91",
      "0.24",
      "0.71",
      "0.00",
      "0.00",
      "0.88",
      "0.00",
      "0.00",
    ]);
    assert.equal(
      await page.locator("#lane-2 .visually-hidden").textContent(),
      "Rollout 3 of 8, reward 1.71, advantage +0.79, segment 3.2 to 5.9 s, tIoU 0.71",
    );
    assert.equal(await page.locator("#lane-3 .track").innerText(), "No two times in the answer");
    const colors = await page
      .locator("#lane-0 .bar, #lane-4 .bar")
      .evaluateAll((bars) => bars.map((bar) => getComputedStyle(bar).backgroundColor));
    assert.notEqual(colors[0], colors[1]);
  });
});

test("a lane, a time and an interval lead to the frame", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await page.locator("#lane-2 .bar").click();
    await settle(page);
    assert.match(await frameText(viewer), /^3\.02 s · frame 7 of 16 · in truth · in rollout 3$/);
    assert.deepEqual((await lastPosted(viewer, "selected"))?.selection, {
      step: 42,
      group: 0,
      completion: 2,
      following: false,
    });
    assert.equal(await page.locator(".card.selected").getAttribute("data-completion"), "2");
    await page.locator(".card").nth(1).getByRole("button", { name: "00:04", exact: true }).click();
    await settle(page);
    assert.match(await frameText(viewer), /^4\.02 s · frame 9 of 16 · in truth · in rollout 2$/);
    const interval = page.locator(".card").nth(4).getByRole("button", { name: "6.0 to 7.5 s", exact: true });
    await interval.hover();
    await settle(page);
    assert.equal(await page.locator(".mention").isVisible(), true);
    await interval.click();
    await settle(page);
    assert.match(await frameText(viewer), /^6\.02 s/);
    assert.equal(await page.locator(".outside-mention").innerText(), "40 s");
    const ruler = await page.locator(".ruler").boundingBox();
    assert.ok(ruler !== null);
    await page.mouse.click(ruler.x + ruler.width / 4, ruler.y + ruler.height / 2);
    await settle(page);
    assert.match(await frameText(viewer), /^2\.02 s/);
    await page.locator(".thumbnail").nth(4).click();
    await settle(page);
    assert.match(await frameText(viewer), /frame 5 of 16/);
  });
});

test("boxes of truth, selection and the others are painted where they are", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await viewer.send({ kind: "action", action: "nextGroup" });
    for (let index = 0; index < 4; index += 1) await viewer.send({ kind: "action", action: "nextRollout" });
    for (let index = 0; index < 4; index += 1) await viewer.send({ kind: "action", action: "nextFrame" });
    const truth = trackTruth[2]?.box ?? squareAt(0);
    const shift = 0.012 * 4 * 2; // of completion 5 at position 3
    assert.equal(
      await page.locator(".frame-overlay").getAttribute("data-boxes"),
      `${"ghost ".repeat(7)}prediction truth`,
    );
    // Truth is dashed: most of its edge is green, some is halo. The prediction of a negative advantage is orange.
    assert.ok((await edgeShare(viewer, truth.x0, truth.y0 + 0.04, truth.y1 - 0.04, [137, 209, 133])) > 0.4);
    assert.ok((await edgeShare(viewer, truth.x1 + shift, truth.y0 + 0.08, truth.y1, [209, 134, 22])) > 0.9);
    assert.equal(await edgeShare(viewer, 0.02, 0, 1, [137, 209, 133]), 0);
    await viewer.send({ kind: "action", action: "lastFrame" });
    const last = trackTruth[7]?.box ?? truth;
    assert.ok((await edgeShare(viewer, last.x0, last.y0 + 0.04, last.y1 - 0.04, [137, 209, 133])) > 0.4);
    assert.equal(await edgeShare(viewer, truth.x0, truth.y0, truth.y1, [137, 209, 133]), 0);
    await page.locator(".card").nth(4).locator(".section-answer .text-link").nth(2).click();
    await settle(page);
    assert.match(await frameText(viewer), /^2\.02 s/);
    assert.match((await page.locator(".frame-overlay").getAttribute("data-boxes")) ?? "", /highlight$/);
    assert.equal(await page.locator("#lane-4 .cell").count(), 8);
  });
});

/** Share of the pixels along a vertical line (normalised to the frame) that have a colour, of the overlay alone. */
async function edgeShare(
  viewer: ViewerPage,
  x: number,
  y0: number,
  y1: number,
  color: readonly [number, number, number],
): Promise<number> {
  return viewer.page.locator(".frame-overlay").evaluate(
    (node, line) => {
      if (!(node instanceof HTMLCanvasElement)) return 0;
      const context = node.getContext("2d");
      const top = Math.round(line.y0 * node.height);
      const height = Math.round((line.y1 - line.y0) * node.height);
      const pixels = context?.getImageData(Math.round(line.x * node.width), top, 1, height).data ?? [];
      let hits = 0;
      for (let offset = 0; offset < pixels.length; offset += 4) {
        if (line.color.every((value, channel) => Math.abs(value - (pixels[offset + channel] ?? -99)) < 12)) hits += 1;
      }
      return hits / Math.max(1, height);
    },
    { x, y0, y1, color },
  );
}

test("questions show their options, truth and votes", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await viewer.send({ kind: "action", action: "nextGroup" });
    await viewer.send({ kind: "action", action: "nextGroup" });
    const options = await page.locator(".option").allInnerTexts();
    assert.deepEqual(
      options.map((text) => text.split(/\s+/).join(" ")),
      ["A red 3", "B blue Truth 1 2 5 7", "C green 4", "D yellow 6", "– No option in the answer 8"],
    );
    assert.equal(await page.locator("#lane-0 .bar").count(), 2);
    assert.equal(await page.locator("#lane-0 .option-mark").innerText(), "B");
    assert.equal(await page.locator(".card").nth(5).locator(".reward-note").innerText(), "Timed out after 1000 ms");
    await page.locator(".voter").getByText("4", { exact: true }).click();
    await settle(page);
    assert.equal(await page.locator(".card.selected").getAttribute("data-completion"), "3");
    await viewer.send({ kind: "action", action: "nextGroup" });
    assert.equal(await page.locator(".flag").innerText(), "All rewards equal: no gradient");
    assert.equal(await page.locator(".lanes").isVisible(), false);
  });
});

test("a prompt that failed and a run that failed say why", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    for (let index = 0; index < 4; index += 1) await viewer.send({ kind: "action", action: "nextGroup" });
    assert.match(
      await page.locator(".failed-group").innerText(),
      /moov atom not found[^]*broken\.mp4[^]*Copy the file again/,
    );
    assert.equal(await page.locator(".card").count(), 0);
    const state = {
      ...sampleRun().state,
      status: "failed",
      error: { code: "backend-died", message: "The backend ended." },
    };
    // SAFETY: the literals are those of RunState.
    await viewer.send({
      kind: "run",
      run: sampleRun({ alive: false, state: state as ReturnType<typeof sampleRun>["state"] }),
    });
    assert.equal(await page.locator(".run .notice").innerText(), "The backend ended.");
    await page.getByRole("button", { name: "Resume run" }).click();
    assert.deepEqual(await lastPosted(viewer, "runCommand"), { kind: "runCommand", command: "resumeRun" });
    assert.equal(await page.getByRole("button", { name: "Stop run" }).count(), 0);
  });
});

test("frames that cannot be had are explained, the rest works", async () => {
  await withPage({}, async (viewer) => {
    await viewer.send({ kind: "frames", step: 42, group: 0, uris: [], reason: "The video has been moved." });
    assert.equal(await viewer.page.locator(".frame-message").innerText(), "The video has been moved.");
    assert.equal(await viewer.page.locator(".thumbnail").count(), frameCount);
  });
});

test("a prompt of a log that names no video gives its width to the completions", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    const [choice] = sampleGroups(42).filter((line) => line.task === "multiple-choice");
    assert.ok(choice !== undefined && "video" in choice);
    const unknown = { tokenCount: null, finishReason: null, meanEntropy: null, meanKl: null };
    const completions = choice.completions.map((completion) => ({ ...completion, ...unknown }));
    const group = {
      ...choice,
      group: 0,
      task: "open",
      truth: { task: "open", answer: "red" },
      options: undefined,
      video: null,
      completions,
    } as const;
    await viewer.send({ kind: "step", step: 42, groups: [group] });
    assert.equal(await page.locator(".stage").isVisible(), false);
    assert.equal(await page.locator(".truth-area").innerText(), "Truth\nred");
    const cards = await page.locator(".card").evaluateAll((nodes) => nodes.map((n) => n.getBoundingClientRect().left));
    assert.ok(Math.min(...cards) < 20, cards.join());
    assert.equal(await page.locator(".card-foot").first().innerText(), "");
    await viewer.send({ kind: "step", step: 42, groups: sampleGroups(42) });
    assert.equal(await page.locator(".stage").isVisible(), true);
    assert.equal(await page.locator(".truth-area").isVisible(), false);
  });
});

test("new steps arrive: followed, or offered", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await viewer.send({ kind: "run", run: sampleRun({}, 43) });
    assert.deepEqual(await lastPosted(viewer, "needStep"), { kind: "needStep", step: 43 });
    assert.equal(await page.locator(".body").getAttribute("aria-busy"), "true");
    await viewer.send({ kind: "step", step: 43, groups: sampleGroups(43) });
    assert.equal(await page.locator(".facts").innerText(), "Temporal grounding · grounding · clip_143_0");
    await page.locator(".card-title").nth(1).click();
    await viewer.send({ kind: "run", run: sampleRun({}, 44) });
    assert.equal(await page.locator(".facts").innerText(), "Temporal grounding · grounding · clip_143_0");
    await page.getByRole("button", { name: "Go to step 44" }).click();
    await settle(page);
    assert.deepEqual(await lastPosted(viewer, "needStep"), { kind: "needStep", step: 44 });
    assert.equal((await lastPosted(viewer, "selected"))?.selection.following, true);
    await page.getByRole("checkbox", { name: "Follow" }).click();
    await settle(page);
    assert.equal((await lastPosted(viewer, "selected"))?.selection.following, false);
  });
});

test("a snapshot without news touches nothing of the page", async () => {
  await withPage({}, async (viewer) => {
    await viewer.page.evaluate(() => {
      const scope = globalThis as unknown as { changes: number };
      scope.changes = 0;
      new MutationObserver((records) => {
        scope.changes += records.length;
      }).observe(document.body, {
        subtree: true,
        childList: true,
        attributes: true,
        characterData: true,
      });
    });
    const changes = (): Promise<number> =>
      viewer.page.evaluate(() => (globalThis as unknown as { changes: number }).changes);
    await viewer.send({ kind: "run", run: sampleRun() });
    await viewer.send({ kind: "step", step: 42, groups: sampleGroups(42) });
    assert.equal(await changes(), 0);
    const cards = await viewer.page.locator(".cards").elementHandle();
    const first = await viewer.page.locator(".card").first().elementHandle();
    await viewer.send({ kind: "run", run: sampleRun({ state: { ...sampleRun().state, phase: "updating" } }) });
    assert.equal(await changes(), 1); // the word of the phase
    assert.equal(await cards?.evaluate((list, card) => list.firstElementChild === card, first), true);
  });
});

test("playing reaches the last frame", async () => {
  const state = { version: 2, selection: null, timeSec: null, speed: 8, isReasoningOpen: true, shown: nothingOpen };
  await withPage({ state }, async ({ page }) => {
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await page.waitForFunction((last) => {
      const frame = document.querySelector(`#frame-${last}`);
      return frame?.getAttribute("aria-selected") === "true";
    }, frameCount - 1);
    await page.getByRole("button", { name: "Play", exact: true }).waitFor();
  });
});

test("a page that was thrown away comes back where it was", async () => {
  const selection = { step: 30, group: 2, completion: 3, following: false };
  const state = { version: 2, selection, timeSec: 4.2, speed: 2, isReasoningOpen: false, shown: nothingOpen };
  await withPage({ state }, async (viewer) => {
    assert.deepEqual((await viewer.posted())[0], { kind: "ready", selection });
    assert.deepEqual(await lastPosted(viewer, "needStep"), { kind: "needStep", step: 30 });
    await viewer.send({ kind: "step", step: 30, groups: sampleGroups(30) });
    assert.equal(await viewer.page.locator(".facts").innerText(), "Grounded QA · grounded-qa · clip_130_2");
    assert.equal(await viewer.page.locator(".card.selected").getAttribute("data-completion"), "3");
    assert.match(await frameText(viewer), /^4\.02 s/);
    assert.equal(await viewer.page.locator("details[open]").count(), 0);
    await viewer.send({ kind: "action", action: "toggleReasoning" });
    assert.equal(await viewer.page.locator("details[open]").count(), 8);
    const saved = await viewer.page.evaluate(() => (globalThis as unknown as { state: unknown }).state);
    assert.deepEqual(saved, { ...state, isReasoningOpen: true });
  });
});

test("everything is reached and used by the keyboard", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    const press = async (selector: string, ...keys: readonly string[]): Promise<void> => {
      await page.locator(selector).first().focus();
      for (const key of keys) await page.keyboard.press(key);
      await settle(page);
    };
    const selected = async () => (await lastPosted(viewer, "selected"))?.selection;
    await press(".lanes", "ArrowDown", "ArrowDown", "Enter");
    assert.equal((await selected())?.completion, 2);
    assert.match(await frameText(viewer), /^3\.02 s/);
    await press(".strip", "End");
    assert.match(await frameText(viewer), /frame 16 of 16/);
    await press(".ruler", "Home", "ArrowRight");
    assert.match(await frameText(viewer), /frame 2 of 16/);
    await press(".card-title", "ArrowRight");
    await press(".curve", "Home", "ArrowRight");
    assert.equal((await selected())?.step, 2);
    await page.locator("vscode-text-field.step-field").click();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("40");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.equal((await selected())?.step, 40);
    await press("vscode-dropdown.group-choice", "ArrowDown", "Enter");
    assert.equal((await selected())?.group, 1);
  });
});

test("keys that a control uses stay in it, the others reach VS Code's shortcuts", async () => {
  await withPage({}, async ({ page }) => {
    await page.evaluate(() => {
      document.body.dataset["heard"] = "";
      window.addEventListener("keydown", (event) => (document.body.dataset["heard"] += `${event.key},`));
    });
    const heard = (): Promise<string | undefined> => page.evaluate(() => document.body.dataset["heard"]);
    await page.locator(".step-field, input").first().focus();
    await page.keyboard.press("n");
    assert.equal(await heard(), "");
    await page.keyboard.press("Escape");
    assert.equal(await heard(), "Escape,");
    await page
      .getByRole("button", { name: /next frame/i })
      .first()
      .focus();
    await page.keyboard.press("Space");
    assert.equal(await heard(), "Escape,");
    await page.keyboard.press("n");
    assert.equal(await heard(), "Escape,n,");
  });
});
