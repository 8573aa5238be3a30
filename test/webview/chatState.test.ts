import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatExample, ChatPolicy } from "../../src/protocol/chat.ts";
import type { ChatTurn, TurnAnswer } from "../../src/protocol/chatView.ts";
import { askedOf, edited, emptyDraft, parseBox, readDraft, withExample, type Draft } from "../../webview/chat/draft.ts";
import { initialState, savedStateOf, shownTurn, update, type ChatState } from "../../webview/chat/state.ts";
import { followedAnswer } from "../../webview/chat/turnGroup.ts";
import { shownCompletion, shownFrames, shownGroup } from "../../webview/rollouts/state.ts";
import { answerOf, policyOf, seenVideo, turnOf } from "./chatFixture.ts";

const video = { shown: { videoPath: "/videos/a.mp4" }, name: "a.mp4" };
const free: Draft = { ...emptyDraft, video, text: "What moves?" };

test("a draft says what it lacks until it can be asked", () => {
  const lacks = (draft: Draft): string => {
    const asked = askedOf(draft);
    return asked.ok ? "" : asked.lacks;
  };
  assert.match(lacks(emptyDraft), /Choose a video/);
  assert.match(lacks({ ...free, text: " " }), /Write a question/);
  assert.match(lacks({ ...free, task: "multiple-choice", options: "one" }), /at least two options/);
  assert.match(lacks({ ...free, task: "tracking", firstBox: "0.1, 0.2" }), /box at the start/);
  assert.equal(lacks(free), "");
  assert.equal(lacks({ ...free, task: "tracking", firstBox: "[0.1, 0.2, 0.3, 0.4]" }), "");
});

test("greedy answers are asked for once, and at temperature 0", () => {
  const asked = askedOf({ ...free, samples: 4, isGreedy: true });
  assert.ok(asked.ok);
  assert.deepEqual([asked.asked.samples, asked.asked.sampling.temperature], [1, 0]);
});

test("a box is four numbers within the frame that span an area", () => {
  assert.deepEqual(parseBox("(0.1 0.2; 0.3, 0.4)"), { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4 });
  for (const text of ["", "0.1, 0.2, 0.3", "0.3, 0.2, 0.1, 0.4", "1, 2, 3, 4", "a, b, c, d"]) {
    assert.equal(parseBox(text), null, text);
  }
});

const example: ChatExample = {
  dataset: "grounding",
  example: "a_0",
  task: "temporal-grounding",
  question: "the square appears",
  truth: { task: "temporal-grounding", segment: { startSec: 1, endSec: 2 } },
  videoPath: "/videos/a.mp4",
};

test("an example is asked by its name, with its truth, until something of it is changed", () => {
  const draft = withExample(emptyDraft, example, "a.mp4", policyOf("p"));
  const asked = askedOf(draft);
  assert.ok(asked.ok);
  assert.deepEqual(asked.asked.question, { kind: "example", dataset: "grounding", example: "a_0" });
  assert.deepEqual(asked.asked.truth, example.truth);
  const sampled = askedOf(edited(draft, { samples: 4, think: false }));
  assert.ok(sampled.ok && sampled.asked.question.kind === "example", "how it is sampled is no part of it");
  const other = askedOf(edited(draft, { text: "the circle appears" }));
  assert.ok(other.ok && other.asked.question.kind === "task");
  assert.equal(other.asked.truth, null);
});

test("sampling is the specification's until the user sets it; reasoning is the task's", () => {
  const policy: ChatPolicy = {
    ...policyOf("p"),
    sampling: { temperature: 0.7, maxCompletionLength: 96 },
    think: { tracking: false },
  };
  const opened = update(initialState(null), { kind: "slots", slots: [{ name: "p", state: { kind: "open", policy } }] });
  assert.deepEqual([opened.draft.temperature, opened.draft.maxTokens], [0.7, 96]);
  const tracking = update(opened, { kind: "edit", change: { task: "tracking" } });
  assert.equal(tracking.draft.think, false);
  const tuned = update(opened, { kind: "edit", change: { maxTokens: 32 } });
  const next = update(tuned, {
    kind: "slots",
    slots: [{ name: "q", state: { kind: "open", policy: { ...policy, id: "q" } } }],
  });
  assert.equal(next.draft.maxTokens, 32);
});

test("answers of two policies are one group: named, coloured by policy, with the frames of the selected one", () => {
  const b = answerOf(1, { input: { ...answerOf(1).input, frames: ["b-0"], video: { ...seenVideo, frameSet: "b" } } });
  const state = play([turnOf(1, 2, [answerOf(2), b])]);
  const group = shownGroup(state.viewer);
  assert.deepEqual(
    group?.completions.map(({ name }) => [name.label, name.tone]),
    [
      ["A1", "positive"],
      ["A2", "positive"],
      ["B1", "negative"],
      ["B2", "negative"],
    ],
  );
  assert.deepEqual(shownFrames(state.viewer)?.uris, ["frame-0", "frame-1"]);
  const second = update(state, { kind: "viewer", event: { kind: "selectCompletion", completion: 2 } });
  assert.equal(shownCompletion(second.viewer)?.name.label, "B1");
  assert.deepEqual(shownFrames(second.viewer)?.uris, ["b-0"]);
});

test("segments have lanes without a truth, and boxes of a track lie at equal steps", () => {
  const grounded = shownGroup(play([turnOf(1, 1, [answerOf(1)])]).viewer);
  assert.deepEqual([grounded?.hasTruth, grounded?.hasLanes], [false, true]);
  const boxes = [0.1, 0.2, 0.3].map((x0) => ({ x0, y0: 0, x1: x0 + 0.2, y1: 0.5 }));
  const tracked = answerOf(1, {
    completions: [{ text: "", tokenCount: 3, finishReason: "eos", parsed: { task: "tracking", boxes, failures: [] } }],
  });
  const turn = turnOf(1, 1, [tracked]);
  const group = shownGroup(play([{ ...turn, asked: { ...turn.asked, task: "tracking" } }]).viewer);
  assert.deepEqual(
    group?.completions[0]?.boxes.map(({ timestampSec }) => timestampSec),
    [0, 2, 4],
  );
});

test("a text that grows has no problems yet, and the finished one has", () => {
  const parsed = { task: "temporal-grounding", failures: ["no-answer-tag"] } as const;
  const completion = { text: "<think>it", tokenCount: 2, finishReason: null, parsed };
  const problems = (finishReason: "eos" | null): readonly string[] | undefined => {
    const answer = answerOf(1, { completions: [{ ...completion, finishReason }] });
    return shownGroup(play([turnOf(1, 1, [answer])]).viewer)?.completions[0]?.problems;
  };
  assert.deepEqual(problems(null), []);
  assert.equal(problems("eos")?.length, 1);
});

test("the newest question is shown; an earlier one stays in view while the newest goes on", () => {
  const [first, second] = [turnOf(1, 1, [answerOf(1)]), turnOf(2, 1, [answerOf(1)])];
  let state = play([first, second]);
  assert.equal(shownTurn(state)?.id, 2);
  state = update(state, { kind: "showTurn", id: 1 });
  state = update(state, { kind: "turn", turn: { ...second, answers: [answerOf(1, { state: { kind: "stopped" } })] } });
  assert.equal(shownTurn(state)?.id, 1);
  state = update(state, { kind: "turn", turn: turnOf(3, 1, [answerOf(1)]) });
  assert.equal(shownTurn(state)?.id, 3);
});

test("a further question goes on from an answer: its conversation, its video, in words of one's own", () => {
  const asked = withExample(emptyDraft, example, "a.mp4", policyOf("p"));
  const turn = turnOf(3, 2, [answerOf(2), answerOf(2)]);
  const state = { ...play([turn]), draft: asked };
  const { draft } = update(state, { kind: "goOnFrom", completion: 3 });
  assert.deepEqual(draft.after?.name, { turn: 3, label: "B2" });
  const first = { prompt: answerOf(1).input.prompt, answer: answerOf(2).completions[1]?.text };
  const further = askedOf(edited(draft, { text: "Why then?" }));
  assert.ok(further.ok && further.asked.question.kind === "free");
  assert.deepEqual(further.asked.question.earlier, [first]);
  assert.equal(further.asked.question.video.videoPath, "/videos/a.mp4");
  assert.deepEqual([further.asked.truth, further.asked.after?.label], [null, "B2"]);

  const next = { ...turnOf(4, 1, [answerOf(1)]), asked: further.asked };
  const again = update(update(state, { kind: "turn", turn: next }), { kind: "goOnFrom", completion: 0 });
  assert.deepEqual(again.draft.after?.earlier[0], first);
  assert.equal(again.draft.after.earlier.length, 2);
});

test("another video or task, an example, or the wish of the user ends a conversation; how it is sampled does not", () => {
  const { draft } = update(play([turnOf(1, 1, [answerOf(1)])]), { kind: "goOnFrom", completion: 0 });
  for (const change of [{ video }, { task: "tracking" }, { after: null }] as const)
    assert.equal(edited(draft, change).after, null, JSON.stringify(change));
  assert.equal(withExample(draft, example, "a.mp4", null).after, null);
  assert.notEqual(edited(draft, { samples: 4, text: "Why?" }).after, null);
  assert.deepEqual(readDraft(structuredClone(draft)), draft);
  assert.equal(readDraft({ ...draft, after: { name: { turn: 1, label: "1" }, earlier: [{ prompt: 3 }] } }).after, null);
});

test("what grows, says nothing, or was said about frames that nobody knows is not gone on from", () => {
  const growing = { text: "<think>it", tokenCount: 2, finishReason: null, parsed: null };
  const canFollow = (change: Partial<TurnAnswer>): boolean =>
    followedAnswer(turnOf(1, 1, [{ ...answerOf(1), ...change }]), 0) !== null;
  assert.equal(canFollow({}), true);
  assert.equal(canFollow({ state: { kind: "answering" }, completions: [growing] }), false);
  assert.equal(canFollow({ state: { kind: "stopped" }, completions: [growing] }), true);
  assert.equal(canFollow({ completions: [{ ...growing, text: "", finishReason: "eos" }] }), false);
  assert.equal(canFollow({ completions: [] }), false);
  assert.equal(canFollow({ input: null }), false);
});

test("equal snapshots change nothing", () => {
  const turn = turnOf(1, 1, [answerOf(1)]);
  const state = play([turn]);
  assert.equal(update(state, { kind: "turn", turn: structuredClone(turn) }), state);
  assert.equal(update(state, { kind: "slots", slots: [] }), state);
});

test("a draft survives the document, and nonsense does not", () => {
  const saved = structuredClone(savedStateOf({ ...initialState(null), draft: free }));
  assert.deepEqual(initialState(saved).draft, free);
  assert.deepEqual(readDraft({ task: "dance", samples: 99, temperature: -1, video: { name: 3 } }), emptyDraft);
});

function play(turns: readonly ChatTurn[]): ChatState {
  return turns.reduce<ChatState>((state, turn) => update(state, { kind: "turn", turn }), initialState(null));
}
