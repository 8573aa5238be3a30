import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./browser.ts";
import type { ViewerPage } from "./browser.ts";
import { frameText, lastPosted, useBrowser, withPage } from "./pageFixture.ts";
import { sampleGroups, sampleRun } from "./sample.ts";
import { giveIndex, openCompare, openEditor, openList, openShortcuts, openTokens } from "./surfaces.ts";

useBrowser();

const countText = (viewer: ViewerPage): Promise<string> => viewer.page.locator(".list-count").innerText();
const rowTexts = async (viewer: ViewerPage, count: number): Promise<readonly string[]> => {
  const rows = await viewer.page.locator(".list-row:not([hidden])").evaluateAll((nodes) =>
    nodes
      .map((node) => ({
        index: Number((node as HTMLElement).dataset["index"]),
        text: (node as HTMLElement).innerText,
      }))
      .sort((a, b) => a.index - b.index),
  );
  return rows.slice(0, count).map(({ text }) => text.split(/\s+/).join(" "));
};

test("nothing that is for a closer look is open at first", async () => {
  await withPage({}, async ({ page }) => {
    for (const part of [".list-panel", ".inspector", ".shortcuts", ".card-menu"]) {
      for (const node of await page.locator(part).all()) assert.equal(await node.isVisible(), false, part);
    }
    assert.equal(await page.locator("details.seen").getAttribute("open"), null);
  });
});

test("the list shows the run's rollouts, only those in sight as elements, and a click goes to one", async () => {
  await withPage({}, async (viewer) => {
    await openList(viewer);
    assert.deepEqual(await lastPosted(viewer, "needIndex"), { kind: "needIndex", steps: 0 });
    assert.equal(await countText(viewer), "1,344 rollouts");
    assert.ok((await viewer.page.locator(".list-row").count()) < 80);
    assert.deepEqual(await rowTexts(viewer, 2), ["42 clip_142_0 · 1 1.91 +1.09", "42 clip_142_0 · 2 1.24 +0.04"]);
    await viewer.page.locator('.list-row[data-index="34"]').click();
    assert.deepEqual((await lastPosted(viewer, "selected"))?.selection, {
      step: 41,
      group: 0,
      completion: 2,
      following: false,
    });
    assert.deepEqual(await lastPosted(viewer, "needStep"), { kind: "needStep", step: 41 });
  });
});

test("a bin, an outcome, a column and the step filter and sort the list", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openList(viewer);
    const bin = page.locator(".bin").last();
    const inBin = Number(/: ([\d,]+)$/.exec((await bin.getAttribute("aria-label")) ?? "")?.[1]?.replace(",", ""));
    await bin.click();
    await settle(page);
    assert.equal(await countText(viewer), `${inBin} of 1,344 rollouts`);
    assert.equal(await bin.getAttribute("aria-pressed"), "true");
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("checkbox", { name: "This step" }).click();
    await settle(page);
    assert.equal(await countText(viewer), "32 of 1,344 rollouts");
    await page.locator(".list-sort").nth(1).click();
    await settle(page);
    const rewards = (await rowTexts(viewer, 32)).map((text) => Number(text.split(" ").at(-2)));
    assert.deepEqual(
      rewards,
      [...rewards].sort((a, b) => b - a),
    );
    assert.equal(await page.locator("[role=columnheader]").nth(2).getAttribute("aria-sort"), "descending");
    await viewer.send({ kind: "action", action: "nextListed" });
    const first = (await lastPosted(viewer, "selected"))?.selection;
    await viewer.send({ kind: "action", action: "nextListed" });
    assert.notDeepEqual((await lastPosted(viewer, "selected"))?.selection, first);
  });
});

test("a text is searched for once the typing rests, by the keyboard from anywhere", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openList(viewer);
    await viewer.send({ kind: "action", action: "search" });
    await page.keyboard.type("wall");
    await page.waitForFunction(() => document.querySelector(".list-count")?.textContent?.includes("searched"));
    const asked = await lastPosted(viewer, "search");
    assert.deepEqual([asked?.pattern, asked?.isRegex, asked?.rollouts], ["wall", false, 1344]);
    assert.equal((await viewer.posted()).filter(({ kind }) => kind === "search").length, 1);
    const task = asked?.task ?? "";
    await viewer.send({ kind: "found", task, ids: ["42/0/0", "42/0/5"], searched: 320, isDone: false });
    assert.equal(await countText(viewer), "2 of 1,344 rollouts · searched 320");
    await viewer.send({ kind: "found", task, ids: [], searched: 1344, isDone: true });
    assert.equal(await countText(viewer), "2 of 1,344 rollouts");
    await page.getByRole("button", { name: "Use a regular expression" }).click();
    await settle(page);
    const other = await lastPosted(viewer, "search");
    assert.equal(other?.isRegex, true);
    await viewer.send({ kind: "found", task: other?.task ?? "", ids: [], searched: 0, isDone: true, reason: "No." });
    assert.equal(await page.locator(".list-problem").innerText(), "No.");
    await page.getByRole("button", { name: "Clear filters" }).click();
    await settle(page);
    assert.equal((await lastPosted(viewer, "stopSearch"))?.kind, "stopSearch");
    assert.equal(await countText(viewer), "1,344 rollouts");
  });
});

test("a list that was open is asked for before the run is known, and once", async () => {
  const shown = { list: true, tokens: false, seen: false, boxes: true };
  const state = { version: 2, selection: null, timeSec: null, speed: 1, isReasoningOpen: true, shown };
  await withPage({ state }, async (viewer) => {
    const kinds = (await viewer.posted()).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["ready", "needIndex", "selected", "needStep", "needFrames"]);
    await giveIndex(viewer);
    assert.equal(await countText(viewer), "1,344 rollouts");
    assert.equal((await viewer.posted()).filter(({ kind }) => kind === "needIndex").length, 1);
  });
});

test("a list that is open grows with the run", async () => {
  await withPage({}, async (viewer) => {
    await openList(viewer);
    await viewer.send({ kind: "run", run: sampleRun({}, 43) });
    assert.deepEqual(await lastPosted(viewer, "needIndex"), { kind: "needIndex", steps: 43 });
    await giveIndex(viewer, 43);
    await viewer.page.waitForFunction(() => document.querySelector(".list-count")?.textContent === "1,376 rollouts");
  });
});

test("the list is gone through by the keyboard", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openList(viewer);
    await page.locator(".list-grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await settle(page);
    assert.equal((await lastPosted(viewer, "selected"))?.selection.completion, 2);
    assert.equal(await page.locator(".list-grid").getAttribute("aria-activedescendant"), "list-row-2");
    await page.keyboard.press("End");
    await settle(page);
    assert.equal((await lastPosted(viewer, "selected"))?.selection.step, 1);
    const last = page.locator('.list-row[aria-selected="true"]');
    assert.equal(await last.getAttribute("data-index"), "1343");
    await page.locator(".bin").first().focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.equal(await page.locator(".bin").last().getAttribute("aria-pressed"), "true");
  });
});

test("the prompt at another step stands beside this one", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openCompare(viewer);
    const heads = await page.locator(".compare-measures thead th").allInnerTexts();
    assert.deepEqual(heads, ["Mean of the group", "Step 3", "Step 42", "Change"]);
    assert.match(
      await page.locator(".compare-measures tbody tr").first().innerText(),
      /^Reward\s+1\.13\s+1\.22\s+\+0\.09$/,
    );
    assert.equal(await page.locator(".compare-row").count(), 8);
    assert.equal(await page.locator(".compare-row .pair-truth").count(), 8);
    await page.locator(".compare-row").nth(2).click();
    await settle(page);
    assert.equal((await lastPosted(viewer, "selected"))?.selection.completion, 2);
    assert.equal(await page.locator(".compare-text").count(), 2);
    assert.match(await page.locator(".compare-text").nth(1).innerText(), /between 3 and 6 s/);
    await viewer.send({ kind: "action", action: "nextCompared" });
    assert.equal((await lastPosted(viewer, "needOther"))?.step, 21);
    await page.getByRole("button", { name: "Close compare" }).click();
    await settle(page);
    assert.equal(await page.locator(".compare-panel").isVisible(), false);
  });
});

test("tokens show what was likely instead, by pointer and by keyboard", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openTokens(viewer);
    assert.match(await page.locator(".tokens").innerText(), /^<think>The square enters/);
    await page.locator(".token").nth(2).hover();
    assert.match(await page.locator(".token-facts").innerText(), /probability 49 %\s·\sentropy 0\.90/);
    assert.equal(await page.locator(".token-choice").count(), 3);
    assert.match(await page.locator(".token-choice.sampled").innerText(), /sampled/);
    await page.locator(".tokens").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator(".token.active").getAttribute("data-index"), "1");
    await viewer.send({ kind: "action", action: "nextShading" });
    assert.equal(await page.getByRole("button", { name: "Shade by Entropy" }).getAttribute("aria-pressed"), "true");
    await viewer.send({ kind: "action", action: "nextRollout" });
    assert.deepEqual(await lastPosted(viewer, "needTokens"), { kind: "needTokens", id: "42/0/1" });
    await viewer.send({ kind: "tokens", id: "42/0/1", tokens: null });
    assert.equal(
      await page.locator(".tokens-panel .panel-hint").innerText(),
      "This run did not keep the tokens of this step.",
    );
  });
});

test("a text that is written over is scored live, and taken back", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openEditor(viewer);
    await page.locator(".edit-text").fill("<answer>3.10 to 5.20</answer>");
    await settle(page);
    const asked = await lastPosted(viewer, "scoreEdited");
    assert.equal(asked?.texts[0], "<answer>3.10 to 5.20</answer>");
    assert.match(await page.locator(".editor-panel .panel-hint").innerText(), /Scoring…$/);
    const completions = sampleGroups(42)[0].completions.map(({ parsed, rewards, reward }, k) => {
      const segment = { startSec: 3.1, endSec: 5.2 };
      return k === 0
        ? { parsed: { ...parsed, segment }, rewards, reward: 2, advantage: 1.3 }
        : { parsed, rewards, reward, advantage: -0.1 };
    });
    const version = asked?.version ?? -1;
    await viewer.send({ kind: "edited", step: 42, group: 0, version, completions });
    const changes = await page.locator(".edit-changes li").allInnerTexts();
    assert.equal(changes[0], "Rollout 1 (edited): reward 1.91 → 2.00, advantage +1.09 → +1.30");
    assert.equal(changes[1], "Rollout 2: advantage +0.04 → −0.10");
    assert.equal(await page.locator(".card.is-edited").getAttribute("data-completion"), "0");
    assert.equal(await page.locator("#lane-0 .bar").getAttribute("data-end-sec"), "5.2");
    assert.equal(await page.locator(".flag").innerText(), "What if: 1 completion edited");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "edit-text", "the focus stays");
    await viewer.send({ kind: "action", action: "undoEdit" });
    assert.match(await page.locator(".edit-text").inputValue(), /^<think>The square enters/);
    assert.equal(await page.locator(".card.is-edited").count(), 0);
  });
});

test("a bar is dragged by its edge, a box on the frame as a whole", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openEditor(viewer);
    const bar = await page.locator("#lane-0 .bar").boundingBox();
    assert.ok(bar !== null);
    const secondPx = bar.width / 2;
    await page.mouse.move(bar.x + bar.width - 2, bar.y + bar.height / 2);
    await page.mouse.down();
    await page.mouse.move(bar.x + bar.width - 2 + secondPx / 2, bar.y + 4);
    await page.mouse.move(bar.x + bar.width - 2 + secondPx, bar.y + 4);
    await page.mouse.up();
    await settle(page);
    const segment = /<answer>(.*)<\/answer>/.exec((await lastPosted(viewer, "scoreEdited"))?.texts[0] ?? "")?.[1];
    assert.match(segment ?? "", /^3\.00 to (5\.9|6\.0)\d$/);
    await viewer.send({ kind: "action", action: "undoEdit" });
    assert.match(await page.locator(".edit-text").inputValue(), /3\.00 to 5\.00<\/answer>$/, "one step back");

    await viewer.send({ kind: "action", action: "nextGroup" });
    await openEditor(viewer);
    const frame = await page.locator(".frame").boundingBox();
    assert.ok(frame !== null);
    await page.mouse.move(frame.x + 0.2 * frame.width, frame.y + 0.47 * frame.height);
    await page.mouse.down();
    await page.mouse.move(frame.x + 0.3 * frame.width, frame.y + 0.47 * frame.height);
    await page.mouse.up();
    await settle(page);
    const boxes = (await lastPosted(viewer, "scoreEdited"))?.texts[0] ?? "";
    assert.match(boxes, /<answer>\[\[0\.20, 0\.35, 0\.40, 0\.60\]/);
  });
});

test("each card's menu does what can be done with its rollout, by the keyboard too", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await page.locator(".card-menu-button").nth(2).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.deepEqual(await lastPosted(viewer, "rolloutCommand"), {
      kind: "rolloutCommand",
      command: "pinCase",
      id: "42/0/2",
    });
    assert.equal(await page.locator(".card-menu").isVisible(), false);
    await page.locator(".card-menu-button").nth(1).click();
    await page.keyboard.press("Escape");
    await settle(page);
    assert.equal(await page.locator(".card-menu").isVisible(), false);
    assert.equal(
      await page
        .locator(".card-menu-button")
        .nth(1)
        .evaluate((node) => node === document.activeElement),
      true,
    );
    await viewer.send({ kind: "action", action: "copyLink" });
    assert.equal((await lastPosted(viewer, "rolloutCommand"))?.command, "copyLink");
  });
});

test("a value of a stopped reward is drawn on the timeline and the frame", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    const overlap = { kind: "overlap", value: 0.905 } as const;
    await viewer.send({ kind: "evidence", evidence: { id: "42/0/0", label: "tIoU", isTruth: false, value: overlap } });
    assert.equal(await page.locator(".evidence-text").innerText(), "tIoU = 0.905");
    assert.deepEqual(
      await page.locator(".evidence-bar").evaluateAll((bars) => bars.map((bar) => bar.classList.item(1))),
      ["evidence-truth", "evidence-answer", "evidence-shared"],
    );
    await viewer.send({ kind: "action", action: "nextGroup" });
    assert.equal(await page.locator(".evidence-lane").count(), 0);
    await viewer.send({ kind: "evidence", evidence: { id: "42/1/3", label: "iou", isTruth: false, value: overlap } });
    const boxes = (await page.locator(".frame-overlay").getAttribute("data-boxes")) ?? "";
    assert.match(boxes, /evidence-truth evidence-answer evidence-shared$/);
    await viewer.send({ kind: "evidence", evidence: null });
    assert.doesNotMatch((await page.locator(".frame-overlay").getAttribute("data-boxes")) ?? "", /evidence/);
  });
});

test("a box that the pointer is in marks the mentions of it", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await viewer.send({ kind: "action", action: "nextGroup" });
    const box = sampleGroups(42)[1].completions[0]?.parsed.boxes?.[0] ?? assert.fail("no box");
    const frame = (await page.locator(".frame").boundingBox()) ?? assert.fail("no frame");
    const middle = { x: ((box.x0 + box.x1) / 2) * frame.width, y: ((box.y0 + box.y1) / 2) * frame.height };
    await page.locator(".frame").hover({ position: middle });
    await settle(page);
    const marked = await page.locator(".card").first().locator(".spoken-of").allInnerTexts();
    assert.ok(marked.length > 0);
    for (const text of marked) assert.match(text, new RegExp(`^\\[${box.x0.toFixed(1)}`));
    // It is drawn as what it is; a second outline would stay behind when the clip goes on.
    assert.doesNotMatch((await page.locator(".frame-overlay").getAttribute("data-boxes")) ?? "", /highlight/);
    await page.locator(".question").hover();
    await settle(page);
    assert.equal(await page.locator(".spoken-of").count(), 0);
  });
});

test("a segment that the pointer rests on marks the mentions of it, and a contradiction is marked by itself", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await page.locator("#lane-0 .bar").hover();
    await settle(page);
    assert.deepEqual(await page.locator(".spoken-of").allInnerTexts(), [
      "5.0 seconds",
      "3.0 to 5.0",
      "3.00 to 5.00",
      "5.0",
      "3.0",
    ]);
    await page.locator(".question").hover();
    await settle(page);
    assert.equal(await page.locator(".spoken-of").count(), 0);
    const group = sampleGroups(42)[0];
    const said = "<think>The square starts at 0.5 s to move.</think>\n<answer>6.00 to 7.50</answer>";
    const completions = group.completions.map((completion, k) =>
      k === 4 ? { ...completion, text: said } : completion,
    );
    await viewer.send({ kind: "step", step: 42, groups: [{ ...group, completions }] });
    assert.equal(await page.locator(".contradiction").innerText(), "0.5 s");
    assert.match(
      await page.locator(".card").nth(4).locator(".problem").innerText(),
      /^Says that it starts at 0\.50 s, but the answer is 6\.0 to 7\.5 s\.$/,
    );
  });
});

test("what the policy saw unfolds, and its times lead to the frames", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await page.locator(".seen-summary").click();
    await settle(page);
    assert.equal(await page.locator(".seen-times button").count(), 16);
    await page.getByRole("button", { name: "4.017 s" }).click();
    await settle(page);
    assert.match(await frameText(viewer), /^4\.02 s/);
    await viewer.send({ kind: "action", action: "nextGroup" });
    assert.match(await page.locator(".seen-box .problem").innerText(), /smaller than a merged patch/);
    await viewer.send({ kind: "action", action: "toggleBoxes" });
    assert.equal(await page.locator(".frame-overlay").getAttribute("data-boxes"), "prediction truth");
  });
});

test("the cheat sheet has every command, and leads to VS Code's own list of keys", async () => {
  await withPage({}, async (viewer) => {
    const { page } = viewer;
    await openShortcuts(viewer);
    assert.equal(await page.locator("kbd").count(), 40);
    await page.getByRole("button", { name: "Change keys…" }).click();
    assert.equal((await lastPosted(viewer, "openShortcuts"))?.kind, "openShortcuts");
    await page.keyboard.press("Escape");
    await settle(page);
    assert.equal(await page.locator(".shortcuts").isVisible(), false);
    await viewer.send({ kind: "action", action: "showShortcuts" });
    assert.equal(await page.locator(".shortcuts").isVisible(), true);
  });
});
