import assert from "node:assert/strict";
import { test } from "node:test";
import { exampleOfQuestion, promptOfExample } from "../../../src/engine/chat/chatPrompt.ts";
import { fixedExample } from "../../../src/engine/tasks/prompt.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { ChatQuestion } from "../../../src/protocol/chat.ts";
import { taskIds, type TaskId } from "../../../src/protocol/tasks.ts";

const video = { videoPath: "/videos/a.mp4" };
const box = { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4 };

/** The fixed example of a task as a user would ask it. */
function asked(task: TaskId): Extract<ChatQuestion, { kind: "task" }> {
  const { question, options = [] } = fixedExample(task);
  return { kind: "task", task, video, question, options, track: { firstBox: box, boxes: 8 } };
}

for (const task of taskIds) {
  test(`a question of one's own is the prompt that training makes of such an example: ${task}`, () => {
    const example = exampleOfQuestion(asked(task), null);
    assert.equal(example.videoPath, video.videoPath);
    for (const think of [true, false]) {
      const { text } = promptOfExample(example, think, {}, {});
      assert.equal(text, tasks[task].buildPrompt(fixedExample(task), { think }));
    }
  });
}

test("templates of the specification are used, and told what a user says", () => {
  const example = exampleOfQuestion(asked("multiple-choice"), 12.5);
  const template = "{{ question }} {{ options[1].letter }}={{ options[1].text }} {{ duration }} {{ think }}";
  const prompts = { "multiple-choice": { think: true, template: "mine.jinja" } };
  const { text } = promptOfExample(example, false, prompts, { "multiple-choice": template });
  assert.equal(text, "QUESTION B=second 12.5 false");
});

test("answers to questions of one's own are read by the task's parser", () => {
  const track = exampleOfQuestion({ ...asked("tracking"), track: { firstBox: box, boxes: 2 } }, null);
  const boxes = "<answer>[[0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.4, 0.4]]</answer>";
  assert.equal(tasks.tracking.parse(boxes, track).boxes?.length, 2);
  const free = exampleOfQuestion({ kind: "free", video, text: " What is it? " }, null);
  assert.equal(free.question, "What is it?");
  assert.equal(tasks.open.parse("A ball.", free).text, "A ball.");
});

test("what is missing is said", () => {
  assert.throws(() => exampleOfQuestion({ kind: "free", video, text: "  " }, null), /the question is empty/);
  const one = { ...asked("multiple-choice"), options: ["only"] };
  assert.throws(() => exampleOfQuestion(one, null), /at least two options/);
  assert.throws(() => exampleOfQuestion({ ...asked("tracking"), track: null }, null), /box at the start/);
});
