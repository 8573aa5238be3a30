import type { Command } from "./command.ts";
import { checkData } from "./checkData.ts";
import { compare } from "./compare.ts";
import { evaluate } from "./evaluate.ts";
import { explain } from "./explain.ts";
import { importLog } from "./importRollouts.ts";
import { inspect } from "./inspect.ts";
import { report } from "./report.ts";
import { score } from "./score.ts";
import { testCases } from "./testCases.ts";
import { doctor, resume, run, sample } from "./runCommands.ts";

const ignoreQueue = { name: "now", help: "start beside a run that uses the device, instead of waiting for it" };

/** Every command of the program, in the order of its help. */
export const commands: readonly Command[] = [
  {
    name: "run",
    positionals: ["SPEC"],
    options: [
      { name: "steps", value: "N", help: "train so many steps, in place of the specification's" },
      { name: "seed", value: "N", help: "seed of data order and sampling, in place of the specification's" },
      { name: "out", value: "DIR", help: "the run folder; by default a new one in the specification's `runs`" },
      ignoreQueue,
    ],
    help: "Train a policy; evaluates before and after when the specification asks for it",
    run,
  },
  {
    name: "resume",
    positionals: ["RUNDIR"],
    options: [ignoreQueue],
    help: "Go on exactly where a run has stopped; follow it when it is running",
    run: resume,
  },
  {
    name: "eval",
    positionals: ["SPEC"],
    options: [
      {
        name: "checkpoint",
        value: "DIR",
        help: "a run's checkpoint, a model or an adapter, in place of the specification's model",
      },
      {
        name: "predictions",
        value: "FILE",
        help: 'score these answers of any model: lines or a list of {"id": …, "text": …}, or {"ID": "TEXT"}',
      },
      { name: "id-key", value: "KEY", help: "with --predictions: the key of the example's id" },
      { name: "text-key", value: "KEY", help: "with --predictions: the key of the answer" },
      {
        name: "parser",
        value: "tagged|plain",
        help: "tagged (default): only <answer>…</answer> counts, as in training; plain: where it lacks, the whole text does",
      },
      {
        name: "out",
        value: "DIR",
        help: "keep answers.jsonl and evaluation.json here; the same command goes on where it was interrupted",
      },
      { name: "dataset", value: "ID", isList: true, help: "only this dataset of `evaluate.data`" },
      { name: "think", help: "ask for reasoning, whatever the specification says; with --no-think: once each" },
      { name: "no-think", help: "ask for the answer alone" },
      { name: "samples", value: "K", help: "answers to each question; scores are means over them, with their spread" },
      { name: "temperature", value: "T", help: "in place of the specification's; 0 takes the most likely token" },
      { name: "batch", value: "N", help: "questions that are answered together and kept together" },
    ],
    help: "Score a policy on the specification's evaluation data, beside the trivial baselines",
    run: evaluate,
  },
  {
    name: "compare",
    positionals: ["BEFORE", "AFTER"],
    options: [{ name: "changed", value: "N", help: "how many of the examples that changed most are listed; 10" }],
    help: "Compare two evaluations of the same questions with a paired test of each metric; files, folders or runs",
    run: compare,
  },
  {
    name: "report",
    positionals: ["EVAL"],
    isLastAnyNumber: true,
    options: [{ name: "out", value: "FILE.html", help: "the page; by default report.html in this folder" }],
    help: "Write a page about evaluations: scores, published scores, categories, worst and changed examples with frames",
    run: report,
  },
  {
    name: "score",
    positionals: ["RUNDIR|FILE.jsonl"],
    options: [
      {
        name: "reward",
        value: "NAME|FILE:FUNCTION",
        isList: true,
        help: "score with this one; by default with every reward of the run's specification",
      },
      { name: "signature", value: "NAME", help: "how FILE:FUNCTION is called: each, batch, trl, trl-chat, ms-swift" },
      { name: "accept", help: "keep the scores in the run folder, beside the recorded ones" },
    ],
    help: "Score stored completions again with the rewards as they are now, and say what changes",
    run: score,
  },
  {
    name: "test",
    positionals: ["FILE"],
    isLastAnyNumber: true,
    options: [],
    help: "Run pinned reward cases: the files given, else all *.cases.jsonl below this folder",
    run: testCases,
  },
  {
    name: "data check",
    positionals: ["SPEC"],
    options: [],
    help: "Read the data, probe every video, and print what the linter finds",
    run: checkData,
  },
  {
    name: "inspect",
    positionals: ["RUNDIR"],
    options: [
      { name: "step", value: "N", help: "the step to show; by default the last" },
      { name: "group", value: "ID", help: "only this group of the step: its number, or its example's id" },
      {
        name: "call-rewards",
        help: "run the workspace's rewards a second time, to find those that are not deterministic",
      },
    ],
    help: "Print groups of rollouts as text, and what the linter finds in the run; exits with 1 when that is an error",
    run: inspect,
  },
  {
    name: "explain",
    positionals: ["CODE"],
    isLastAnyNumber: true,
    options: [],
    help: "Say what findings of `data check` and `inspect` mean and what to do; without a code, list them all",
    run: explain,
  },
  {
    name: "import",
    positionals: ["PATH"],
    options: [
      { name: "out", value: "DIR", help: "the run folder; by default one in the cache, which is found again" },
      {
        name: "reward",
        value: "COLUMN",
        isList: true,
        help: "a column of rewards; by default those that stand where the trainer writes its rewards",
      },
      { name: "truth", value: "COLUMN", help: "the column of right answers, where its name does not tell" },
    ],
    help: "Make a run folder of rollouts of TRL (parquet), ms-swift (completions.jsonl) or verl (rollout_data_dir)",
    run: importLog,
  },
  {
    name: "doctor",
    positionals: [],
    options: [],
    help: "Look at device, ffmpeg, Python, memory, disk and versions",
    run: doctor,
  },
  {
    name: "sample",
    positionals: ["DIR"],
    options: [],
    help: "Write the sample workspace, with its clips, into an empty folder",
    run: sample,
  },
];
