import { taskIds } from "../../protocol/tasks.ts";
import { fixedExample } from "./prompt.ts";
import { tasks } from "./tasks.ts";

/**
 * A text that changes when a parser reads a common answer in another way; its hash stands beside every score. The answers
 * are those that published parsers disagree on (videochat-r1's edge cases), so that a change that matters is seen.
 */
export function parserFingerprint(): string {
  return JSON.stringify(
    taskIds.map((task) => probes.map((probe) => [task, probe, tasks[task].parse(probe, fixedExample(task))])),
  );
}

const eightBoxes = `[${Array.from({ length: 8 }, () => "[0.1, 0.2, 0.3, 0.4]").join(", ")}]`;

const answers = [
  "5.0 to 10.0",
  "5.0 TO 10.0",
  "5.0 - 10.0",
  "5.0s to 10.0s",
  "From 5 to 10 seconds.",
  "00:05 to 00:10",
  "10.0 to 5.0",
  "starts at 5 and ends at 10",
  "I do not know",
  "",
  "B",
  "(b)",
  "B. second",
  "second",
  "Answer: B",
  "Because it is B",
  "A or B",
  eightBoxes,
  eightBoxes.replaceAll("0.4]", "1.4]"),
  "[[0.1, 0.2, 0.3, 0.4]]",
];

const probes = [
  ...answers.map((answer) => `<think>2.0 to 3.0, A</think><answer>${answer}</answer>`),
  ...answers,
  "<answer>A</answer><answer>B</answer>",
  "<answer>B</answer><glue>[(5.0, 10.0)]</glue>",
  "<answer>B</answer><glue>[ (5, 10), (12, 15) ]</glue>",
  "<answer>B</answer><glue>[]</glue>",
  "<answer>B",
];
