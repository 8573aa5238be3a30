import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import type { ChatToHost, ChatTurn, HostToChat, TurnAnswer } from "../../src/protocol/chatView.ts";
import { seriousFaults } from "./axe.ts";
import { settle, startPageBrowser, type PageBrowser, type WebviewPage } from "./browser.ts";
import { answerOf, policyOf, seenVideo, turnOf } from "./chatFixture.ts";
import { framePng } from "./frames.ts";
import { darkModern, highContrast, highContrastLight, lightModern, type Theme } from "./themes.ts";

type ChatPage = WebviewPage<HostToChat, ChatToHost>;

const screenshots = path.resolve("out/screenshots");
let browser: PageBrowser<HostToChat, ChatToHost>;
before(async () => {
  fs.mkdirSync(screenshots, { recursive: true });
  browser = await startPageBrowser(
    "chat",
    [0.1, 0.5].map((x0) => framePng(112, 112, { x0, y0: 0.3, x1: x0 + 0.3, y1: 0.6 })),
  );
});
after(() => browser.close());

test("the page asks for what the host knows, and a question is asked by the keyboard alone", async () => {
  await withChat({}, async (chat) => {
    const { page } = chat;
    assert.deepEqual(await chat.posted(), [{ kind: "ready" }]);
    await chat.send({
      kind: "slots",
      slots: [{ name: "shapes", state: { kind: "open", policy: policyOf("shapes") } }],
    });
    await chat.send({ kind: "video", video: { videoPath: "/videos/a.mp4" }, name: "a.mp4" });
    assert.match(await page.locator(".policy").innerText(), /shapes\s+1\.2 M parameters, cpu/);
    assert.match(await page.locator(".composer-lacks").innerText(), /Write a question/);
    const question = page.getByRole("textbox", { name: "Question" });
    await question.fill("What moves?");
    await question.press("Control+Enter");
    const asked = (await chat.posted()).find((message) => message.kind === "ask");
    assert.deepEqual(asked?.kind === "ask" ? asked.asked.question : null, {
      kind: "free",
      video: { videoPath: "/videos/a.mp4" },
      text: "What moves?",
    });
  });
});

test("a policy of a window that was closed is opened again by a button", async () => {
  await withChat({}, async (chat) => {
    await chat.send({ kind: "slots", slots: [{ name: "shapes", state: { kind: "closed" } }] });
    assert.match(await chat.page.locator(".policy").innerText(), /shapes\s+Not open/);
    await chat.page.getByRole("button", { name: "Open shapes" }).click();
    assert.deepEqual((await chat.posted()).at(-1), { kind: "reopenPolicy", slot: 0 });
  });
});

test("an answer streams in place: what has the focus keeps it, and Escape stops", async () => {
  await withChat({}, async (chat) => {
    const { page } = chat;
    const growing = (text: string): ChatTurn => {
      const completion = { text, tokenCount: 3, finishReason: null, parsed: null };
      return turnOf(1, 2, [answer(2, { state: { kind: "answering" }, completions: [completion, completion] })]);
    };
    await chat.send({ kind: "turn", turn: growing("<think>it") });
    await page.locator(".card-title").nth(1).focus();
    await chat.send({ kind: "turn", turn: growing("<think>it starts at 1.0 s") });
    assert.match(await page.locator(".card").first().innerText(), /it starts at 1\.0 s/);
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "2");
    assert.equal(await page.locator(".answer-caret:visible").count(), 2);
    await page.keyboard.press("Escape");
    assert.deepEqual((await chat.posted()).at(-1), { kind: "stop" });
    await chat.send({ kind: "turn", turn: turnOf(1, 2, [answer(2)]) });
    assert.equal(await page.locator(".answer-caret:visible").count(), 0);
    assert.match(await page.locator(".answer-state").innerText(), /Done/);
  });
});

test("a further question is asked by the keyboard, and shows the conversation that it goes on with", async () => {
  await withChat({}, async (chat) => {
    const { page } = chat;
    const open = { name: "shapes", state: { kind: "open", policy: policyOf("shapes") } } as const;
    await chat.send({ kind: "slots", slots: [open] });
    const first = turnOf(1, 2, [answer(2)]);
    await chat.send({ kind: "turn", turn: first });
    assert.equal(await page.locator(".composer-after:visible").count(), 0);
    await page.locator(".card-title").nth(1).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.match(await page.locator(".composer-after").innerText(), /answer 2 of question 1/);
    await page.keyboard.type("Why then?");
    await page.keyboard.press("Control+Enter");
    const message = (await chat.posted()).at(-1);
    assert.ok(message?.kind === "ask" && message.asked.question.kind === "free");
    assert.equal(message.asked.question.text, "Why then?");
    assert.deepEqual(
      message.asked.question.earlier?.map(({ answer: said }) => said),
      [first.answers[0]?.completions[1]?.text],
    );
    await chat.send({ kind: "turn", turn: { id: 2, asked: message.asked, answers: [answer(2)] } });
    await page.locator(".earlier > summary").press("Enter");
    assert.match(
      await page.locator(".earlier").innerText(),
      /Goes on from answer 2[^]*Find when[^]*it starts at 1\.0 s/,
    );
    assert.match((await page.locator(".history-item").first().getAttribute("title")) ?? "", /Goes on from/);
    await page.getByRole("button", { name: "Ask afresh" }).click();
    assert.match(await page.locator(".composer-lacks").innerText(), /does not see earlier questions/);
  });
});

test("segments of both policies have lanes of their colour; a mention leads to its frame", async () => {
  await withChat({}, async (chat) => {
    const { page } = chat;
    await chat.send({ kind: "turn", turn: turnOf(1, 2, [answer(2), answer(2, { policyName: "other" })]) });
    assert.deepEqual(await page.locator(".lane .lane-name").allInnerTexts(), ["A1", "A2", "B1", "B2"]);
    assert.equal(await page.locator(".lane .bar").count(), 4);
    const tones = await page
      .locator(".lane")
      .evaluateAll((lanes) => lanes.map((lane) => (lane as HTMLElement).dataset["tone"]));
    assert.deepEqual(tones, ["positive", "positive", "negative", "negative"]);
    assert.equal(await page.locator(".truth-lane:visible").count(), 0);
    await page.locator(".card .text-link").last().click();
    await settle(page);
    assert.match(await page.locator(".frame-position").innerText(), /in Answer B2/);
  });
});

test("boxes are drawn over the frames", async () => {
  await withChat({}, async (chat) => {
    const boxes = [0.1, 0.5].map((x0) => ({ x0, y0: 0.3, x1: x0 + 0.3, y1: 0.6 }));
    const parsed = { task: "tracking", boxes, failures: [] } as const;
    const completion = { text: "<answer>[…]</answer>", tokenCount: 3, finishReason: "eos", parsed } as const;
    const turn = turnOf(1, 1, [answer(1, { completions: [completion] })]);
    await chat.send({ kind: "turn", turn: { ...turn, asked: { ...turn.asked, task: "tracking" } } });
    assert.equal(await chat.page.locator(".frame-overlay").getAttribute("data-boxes"), "prediction");
    assert.match(await chat.page.locator(".legend").innerText(), /Answer 1/);
  });
});

test("what a policy says stays text", async () => {
  await withChat({}, async (chat) => {
    const text = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`;
    const parsed = { task: "open", text, failures: [] } as const;
    const completion = { text, tokenCount: 3, finishReason: "eos", parsed } as const;
    await chat.send({ kind: "turn", turn: turnOf(1, 1, [answer(1, { completions: [completion], policyName: text })]) });
    assert.equal(await chat.page.locator(".card img, .answers script").count(), 0);
    assert.ok((await chat.page.locator(".card").innerText()).includes(text));
    assert.notEqual(await chat.page.title(), "hacked");
  });
});

test("what goes wrong is said in place, with what to do", async () => {
  await withChat({}, async (chat) => {
    const { page } = chat;
    const message = "the policy needs about 33.2 GB of memory; this machine has 16.0 GB.";
    const failed = {
      kind: "failed",
      error: { code: "unsupported", message, hint: "Take a smaller checkpoint." },
    } as const;
    await chat.send({ kind: "slots", slots: [{ name: "big", state: failed }] });
    assert.match(await page.locator(".policy-notices .notice").innerText(), /33\.2 GB[^]*smaller checkpoint/);
    await page.getByText("Open again").click();
    assert.deepEqual((await chat.posted()).at(-1), { kind: "reopenPolicy", slot: 0 });
    const busy = { code: "device-busy", message: "a run uses this device", where: "2026-run" } as const;
    await chat.send({
      kind: "turn",
      turn: turnOf(1, 1, [answer(1, { state: { kind: "busy", error: busy }, completions: [] })]),
    });
    assert.match(await page.locator(".answer-notice").innerText(), /2026-run is using this device/);
    await page.getByText("Share the device").click();
    assert.deepEqual((await chat.posted()).at(-1), { kind: "passBusy", how: "share" });
  });
});

test("earlier questions are shown again, and the draft survives the document", async () => {
  const state = { draft: { task: "tracking", text: "the red square", samples: 4 }, shownId: null };
  await withChat({ state }, async (chat) => {
    const { page } = chat;
    assert.equal(await page.getByRole("textbox", { name: "Question" }).inputValue(), "the red square");
    const first = turnOf(1, 1, [answer(1)]);
    const turns = [{ ...first, asked: { ...first.asked, text: "the circle appears" } }, turnOf(2, 1, [answer(1)])];
    await chat.send({ kind: "turns", turns });
    assert.equal(await page.locator(".asked-text").innerText(), "the square appears");
    await page.locator(".history-item").last().press("Enter");
    assert.equal(await page.locator(".asked-text").innerText(), "the circle appears");
  });
});

test("narrow or wide, in every theme, nothing runs out of the page and axe finds no serious fault", async () => {
  for (const [theme, width] of [
    [darkModern, 1300],
    [lightModern, 1300],
    [highContrast, 420],
    [highContrastLight, 800],
    [darkModern, 420],
  ] as const) {
    await withChat({ theme, width }, async (chat) => {
      const policies = ["shapes, step 100", "shapes, step 0"].map((name) => policyOf(name));
      const slots = policies.map((policy) => ({ name: policy.name, state: { kind: "open", policy } as const }));
      await chat.send({ kind: "slots", slots });
      await chat.send({ kind: "video", video: { videoPath: "/videos/a.mp4" }, name: "videos/a.mp4" });
      const answers = policies.map(({ name }) => answer(2, { policyName: name }));
      const [first, second] = [turnOf(1, 2, answers), turnOf(2, 2, answers)];
      const earlier = [{ prompt: "Find it in the video", answer: "<answer>1.0 to 3.5</answer>" }];
      const question = { kind: "free", video: { videoPath: "/videos/a.mp4" }, text: "Why?", earlier } as const;
      const further = { ...second, asked: { ...second.asked, question, after: { turn: 1, label: "A2" } } };
      await chat.send({ kind: "turns", turns: [first, further] });
      await chat.page.locator(".earlier > summary").click();
      await chat.page.locator(".card-head vscode-button").first().click();
      const image = chat.page.locator(".frame-image[src]");
      await image.evaluate((node: HTMLImageElement) => node.decode());
      const overflow = await chat.page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll(".stage, .rollouts, .card, .composer, .chat-header")]
          .filter((node) => node.scrollWidth > node.clientWidth + 1)
          .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
      );
      await chat.page.screenshot({ path: path.join(screenshots, `chat-${theme.name}-${width}.png`), fullPage: true });
      assert.deepEqual(overflow, [], `${theme.name} at ${width}`);
      assert.deepEqual(await seriousFaults(chat.page), [], theme.name);
    });
  }
});

function answer(samples: number, change: Partial<TurnAnswer> = {}): TurnAnswer {
  const frames = [0, 1].map((index) => browser.frameUri(index));
  return answerOf(samples, { ...change, input: { ...answerOf(1).input, video: seenVideo, frames } });
}

/** Closed after `use`, which must leave no error and no violation of the CSP. */
async function withChat(
  options: { readonly theme?: Theme; readonly width?: number; readonly state?: unknown },
  use: (chat: ChatPage) => Promise<void>,
): Promise<void> {
  const { theme = darkModern, width = 1200, state } = options;
  const chat = await browser.open({ theme, width, height: 900, state });
  await use(chat);
  assert.deepEqual(await chat.problems(), []);
  await chat.close();
}
