import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ChatHost, isChatMessage, type AskWatch, type ChatPorts } from "../../src/extension/chat/chatHost.ts";
import type { ChatMemory } from "../../src/extension/chat/chatMemory.ts";
import { sourceItems, sourceOf } from "../../src/extension/chat/chatSources.ts";
import type { AskChatParams, ChatAnswer, ChatInput } from "../../src/protocol/chat.ts";
import type { AskedQuestion, ChatSlot, ChatTurn, HostToChat } from "../../src/protocol/chatView.ts";
import { UserError, type ErrorData } from "../../src/protocol/errors.ts";
import { answerOf, policyOf, turnOf } from "../webview/chatFixture.ts";

/** A host between a page and an engine that are played by the test. */
function play(engine: Partial<ChatPorts> = {}, memory?: ChatMemory) {
  const posted: HostToChat[] = [];
  const asks: { params: Omit<AskChatParams, "ask">; watch: AskWatch }[] = [];
  const closed: string[] = [];
  const remembered: ChatMemory[] = [];
  let opened = 0;
  const ports: ChatPorts = {
    open: () => Promise.resolve(policyOf(`policy-${++opened}`)),
    close: (id) => Promise.resolve(void closed.push(id)),
    ask: (params, watch) => {
      asks.push({ params, watch });
      return Promise.resolve(answer());
    },
    post: (message) => void posted.push(message),
    toUri: (file) => `uri:${file}`,
    choosePolicy: () => Promise.resolve(undefined),
    chooseVideo: () => Promise.resolve(undefined),
    chooseExample: () => Promise.resolve(undefined),
    droppedVideo: () => undefined,
    newSeed: () => 7,
    remember: (kept) => void remembered.push(kept),
    ...engine,
  };
  const host = new ChatHost(ports, memory);
  const last = <Kind extends HostToChat["kind"]>(kind: Kind): Extract<HostToChat, { kind: Kind }> => {
    const found = posted.filter((message): message is Extract<HostToChat, { kind: Kind }> => message.kind === kind);
    return found.at(-1) ?? assert.fail(`nothing of ${kind} was posted`);
  };
  const slots = (): readonly ChatSlot[] => last("slots").slots;
  const turn = (): ChatTurn => last("turn").turn;
  return { host, posted, asks, closed, last, slots, turn, remembered };
}

function answer(change: Partial<ChatAnswer> = {}): ChatAnswer {
  const { input } = answerOf(1);
  const parsed = { task: "open", failures: [] } as const;
  return {
    input,
    isCancelled: false,
    completions: [{ text: "It rolls.", tokenCount: 3, finishReason: "eos", parsed }],
    ...change,
  };
}

const asked: AskedQuestion = turnOf(1, 1, []).asked;
const folder = (name: string) => ({ name, source: { kind: "folder", dir: `/${name}` } }) as const;
const busy: ErrorData = { code: "device-busy", message: "a run uses this device", where: "a-run" };

test("a policy is opened, asked and answered; frames become URIs of the page", async () => {
  const { host, slots, turn, asks } = play();
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  assert.equal(slots()[0]?.state.kind, "open");
  await host.receive({ kind: "ask", asked });
  assert.deepEqual(turn().answers[0]?.state, { kind: "done" });
  assert.deepEqual(turn().answers[0]?.input?.frames, ["uri:frame-0", "uri:frame-1"]);
  assert.deepEqual([asks[0]?.params.id, asks[0]?.params.seed, asks[0]?.params.ifBusy], ["policy-1", 7, "refuse"]);
});

test("a window that comes back has the questions and the policies, which are opened when the user says so", async () => {
  const before = play({
    ask: () => new Promise(() => undefined), // the window is closed before it answers
  });
  await before.host.receive({ kind: "ready" });
  await before.host.openPolicy(0, folder("one"));
  void before.host.receive({ kind: "ask", asked });
  await nextTurn();
  const memory = before.remembered.at(-1) ?? assert.fail("nothing is kept");
  const after = play({}, JSON.parse(JSON.stringify(memory)) as ChatMemory);
  await after.host.receive({ kind: "ready" });
  assert.deepEqual(
    after.slots().map(({ name, state }) => [name, state.kind]),
    [["one", "closed"]],
  );
  const [turn] = after.last("turns").turns;
  assert.deepEqual([turn?.asked, turn?.answers[0]?.state], [asked, { kind: "stopped" }]);
  await after.host.receive({ kind: "reopenPolicy", slot: 0 });
  assert.equal(after.slots()[0]?.state.kind, "open");
  await after.host.receive({ kind: "ask", asked });
  assert.deepEqual([after.turn().id, after.turn().answers[0]?.state], [2, { kind: "done" }]);
  await after.host.receive({ kind: "clear" });
  assert.deepEqual(after.remembered.at(-1), { sources: [folder("one")], turns: [] });
});

test("two policies are asked one after the other, each with its column", async () => {
  const order: string[] = [];
  const { host, turn } = play({
    ask: async ({ id }) => {
      order.push(`${id} begins`);
      await nextTurn();
      order.push(`${id} ends`);
      return answer();
    },
  });
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  await host.openPolicy(1, folder("two"));
  await host.receive({ kind: "ask", asked });
  assert.deepEqual(order, ["policy-1 begins", "policy-1 ends", "policy-2 begins", "policy-2 ends"]);
  assert.deepEqual(
    turn().answers.map(({ policyName, state }) => [policyName, state.kind]),
    [
      ["policy-1", "done"],
      ["policy-2", "done"],
    ],
  );
});

test("texts stream as whole snapshots, and what was said by the time of a stop stays", async () => {
  let end: (value: ChatAnswer) => void = () => undefined;
  const { host, turn, asks } = play({
    ask: (params, watch) => {
      asks.push({ params, watch });
      return new Promise((resolve) => (end = resolve));
    },
  });
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  const asking = host.receive({ kind: "ask", asked });
  await nextTurn();
  const { onProgress, signal } = asks[0]?.watch ?? assert.fail("not asked");
  onProgress({ kind: "texts", texts: [{ text: "It", tokenCount: 1, finishReason: null }] });
  assert.deepEqual(
    turn().answers[0]?.completions.map(({ text, parsed }) => [text, parsed]),
    [["It", null]],
  );
  await host.receive({ kind: "stop" });
  assert.equal(signal.aborted, true);
  end(answer({ isCancelled: true }));
  await asking;
  assert.deepEqual([turn().answers[0]?.state.kind, turn().answers[0]?.completions[0]?.text], ["stopped", "It rolls."]);
});

test("where a run uses the device the user is asked, once for each run", async () => {
  let runs = "a-run";
  const tried: string[] = [];
  const { host, turn } = play({
    ask: ({ ifBusy }) => {
      tried.push(ifBusy);
      if (ifBusy === "refuse") return Promise.reject(new UserError({ ...busy, where: runs }));
      return Promise.resolve(answer());
    },
  });
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  const asking = host.receive({ kind: "ask", asked });
  await nextTurn();
  assert.equal(turn().answers[0]?.state.kind, "busy");
  await host.receive({ kind: "passBusy", how: "share" });
  await asking;
  assert.equal(turn().answers[0]?.state.kind, "done");
  await host.receive({ kind: "ask", asked });
  assert.deepEqual(tried, ["refuse", "share", "refuse", "share"]);
  runs = "another-run";
  const again = host.receive({ kind: "ask", asked });
  await nextTurn();
  assert.equal(turn().answers[0]?.state.kind, "busy", "another run is another question");
  await host.receive({ kind: "stop" });
  await again;
  assert.equal(turn().answers[0]?.state.kind, "stopped");
});

test("a policy that is not opened while a run uses the device is opened when the user says so", async () => {
  const { host, slots } = play({
    open: (_source, ifBusy) =>
      ifBusy === "refuse" ? Promise.reject(new UserError(busy)) : Promise.resolve(policyOf("one")),
  });
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  assert.equal(slots()[0]?.state.kind, "busy");
  await host.receive({ kind: "passBusy", how: "share" });
  assert.equal(slots()[0]?.state.kind, "open");
});

test("errors are shown where they belong: at the policy, or at the question", async () => {
  const memory: ErrorData = { code: "unsupported", message: "the policy needs about 33.2 GB of memory" };
  const refused = play({ open: () => Promise.reject(new UserError(memory)) });
  await refused.host.receive({ kind: "ready" });
  await refused.host.openPolicy(0, folder("big"));
  const { state } = refused.slots()[0] ?? assert.fail("no slot");
  assert.deepEqual(state.kind === "failed" && state.error.message, memory.message);

  let failure: ErrorData = { code: "bad-video", message: "has no video stream" };
  const asking = play({ ask: () => Promise.reject(new UserError(failure)) });
  await asking.host.receive({ kind: "ready" });
  await asking.host.openPolicy(0, folder("one"));
  await asking.host.receive({ kind: "ask", asked });
  assert.equal(asking.turn().answers[0]?.state.kind, "failed");
  assert.equal(asking.slots()[0]?.state.kind, "open", "another video may do");
  failure = { code: "backend-died", message: "was ended by signal SIGKILL" };
  await asking.host.receive({ kind: "ask", asked });
  assert.equal(asking.slots()[0]?.state.kind, "failed");
  await asking.host.receive({ kind: "reopenPolicy", slot: 0 });
  assert.equal(asking.slots()[0]?.state.kind, "open");
});

test("another policy in a column closes the one before; the panel's end closes all", async () => {
  const { host, closed } = play();
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  await host.openPolicy(0, folder("two"));
  assert.deepEqual(closed, ["policy-1"]);
  await host.openPolicy(1, folder("three"));
  await host.receive({ kind: "closePolicy", slot: 1 });
  assert.deepEqual(closed, ["policy-1", "policy-3"]);
  await host.dispose();
  assert.deepEqual(closed, ["policy-1", "policy-3", "policy-2"]);
});

test("a page that was hidden gets all that was said meanwhile", async () => {
  const { host, posted, last } = play();
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  host.hidden();
  const before = posted.length;
  await host.receive({ kind: "ask", asked });
  assert.equal(posted.length, before);
  await host.receive({ kind: "ready" });
  assert.equal(last("turns").turns[0]?.answers[0]?.completions[0]?.text, "It rolls.");
});

test("an input without frames keeps the reason", async () => {
  const input: ChatInput = { ...answerOf(1).input, frames: [], framesReason: "the file has changed since" };
  const { host, turn } = play({ ask: () => Promise.resolve(answer({ input })) });
  await host.receive({ kind: "ready" });
  await host.openPolicy(0, folder("one"));
  await host.receive({ kind: "ask", asked });
  assert.equal(turn().answers[0]?.input?.framesReason, "the file has changed since");
});

test("the pick offers checkpoints, the newest first, then models of specifications, then a folder", () => {
  const run = (name: string, lastCheckpoint: number | null) =>
    ({
      summary: { runDir: `/runs/${name}`, name, state: { lastCheckpoint } },
      attached: false,
      progress: null,
      // SAFETY: what is read of a run.
    }) as Parameters<typeof sourceItems>[0][number];
  const details = new Map([["/runs/new", { checkpoints: [50, 100] }]]);
  const items = sourceItems([run("new", 100), run("old", 20), run("none", null)], details, ["/work.rft.json"]);
  assert.deepEqual(
    items.map(({ label, description }) => [label.replace(/^\$\(\S+\) /, ""), description]),
    [
      ["new, step 100", "latest"],
      ["new, step 50", ""],
      ["old, step 20", "latest"],
      ["work.rft.json", "the model that it starts from"],
      ["Choose a folder…", "a checkpoint in the format of Hugging Face, or a run"],
    ],
  );
});

test("rows of the Runs view and folders of the Explorer need no pick", () => {
  const file = "/runs/one/checkpoints/step-000100";
  const expected = { name: "one", source: { kind: "folder", dir: file } };
  assert.deepEqual(sourceOf({ kind: "checkpoint", file, runDir: "/runs/one" }), expected);
  assert.deepEqual(sourceOf({ fsPath: file }), expected);
  assert.equal(sourceOf({ kind: "run", file: "/runs/one" })?.name, "one");
  assert.equal(sourceOf({ kind: "evaluation", file: "/runs/one/evaluation/step-000100.json" }), undefined);
  assert.equal(sourceOf(undefined), undefined);
});

test("a message of an unknown kind is dropped", () => {
  assert.equal(isChatMessage({ kind: "ready" }), true);
  for (const value of [null, "ready", { kind: "dance" }, { kind: "toString" }])
    assert.equal(isChatMessage(value), false);
});
