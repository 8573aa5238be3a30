import assert from "node:assert/strict";
import test from "node:test";
import { blockTags } from "../../../src/engine/rewards/blocks.ts";
import { tagsOf } from "../../../src/engine/rewards/format.ts";
import { buildPrompt, promptFingerprint, promptOf } from "../../../src/engine/tasks/prompt.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { taskIds } from "../../../src/protocol/tasks.ts";
import { choiceExample, groundedQaExample, groundingExample, trackingExample } from "../examples.ts";

const examples = [groundingExample, trackingExample, groundedQaExample, choiceExample];

test("prompts and targets as they are sent", () => {
  const text = examples
    .map((e) => `${buildPrompt(e, { think: true })}\n=> ${tasks[e.task].buildTarget(e, { think: true })}`)
    .join("\n\n");
  assert.equal(
    text,
    `Find when this happens in the video: the red circle spins
Think first in <think></think>. Then give its start and end in seconds as <answer>start to end</answer>, with one decimal.
=> <think>the red circle spins. It starts at 5.0 and ends at 10.0 seconds.</think><answer>5.0 to 10.0</answer>

Follow this object: the red circle spins. At the start its box (left, top, right, bottom) is [0.10, 0.20, 0.30, 0.40].
Think first in <think></think>. Then give its boxes at 8 equal steps from start to end in <answer></answer>, as a list that begins with the given box.
=> <think>the red circle spins moves right.</think><answer>[[0.10, 0.20, 0.30, 0.40], [0.15, 0.20, 0.35, 0.40], [0.20, 0.20, 0.40, 0.40], [0.25, 0.20, 0.45, 0.40], [0.30, 0.20, 0.50, 0.40], [0.35, 0.20, 0.55, 0.40], [0.40, 0.20, 0.60, 0.40], [0.45, 0.20, 0.65, 0.40]]</answer>

the red circle spins
(A) red
(B) green
(C) blue
(D) black
Think first in <think></think>. Then give the letter of the right option in <answer></answer> and the seconds that show it in <glue>[(start, end)]</glue>.
=> <think>the red circle spins blue.</think><answer>C</answer><glue>[(5.0, 10.0)]</glue>

the red circle spins
(A) red
(B) green
(C) blue
(D) black
Think first in <think></think>. Then give the letter of the right option in <answer></answer>.
=> <think>the red circle spins blue.</think><answer>C</answer>`,
  );
});

test("a prompt asks for exactly the tags that its format reward wants", () => {
  for (const example of examples) {
    for (const think of [true, false]) {
      const text = buildPrompt(example, { think });
      const asked = blockTags.filter((tag) => text.includes(`<${tag}>`));
      assert.deepEqual(asked, tagsOf(example.task, think));
    }
  }
});

test("a template replaces the text and sees the example", () => {
  const template =
    "{{ task }}|{{ question }}|{% for o in options %}{{ o.letter }}={{ o.text }};{% endfor %}|{{ first_box }}|{{ box_count }}|{{ duration }}|{% if think %}T{% endif %}";
  assert.equal(
    buildPrompt(trackingExample, { think: false }, template),
    "tracking|the red circle spins|A=red;B=green;C=blue;D=black;|[0.10, 0.20, 0.30, 0.40]|8|20|",
  );
  assert.match(buildPrompt(choiceExample, { think: true }, template), /\|0\|20\|T$/);
});

test("a broken template is the user's error and names its file", () => {
  assert.throws(
    () => buildPrompt(choiceExample, { think: true, template: "mine.jinja" }, "{% if %}"),
    (error) => UserError.is(error, "bad-spec") && error.where === "mine.jinja",
  );
});

test("a fingerprint changes with the wording", () => {
  for (const task of taskIds) {
    assert.notEqual(promptFingerprint(task, { think: true }), promptFingerprint(task, { think: false }));
  }
  assert.equal(promptFingerprint("tracking", { think: true }, "{{ question }}"), "{{ question }}");
  assert.deepEqual(promptOf({}, "tracking"), { think: true });
});
