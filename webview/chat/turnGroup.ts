import { t } from "@vscode/l10n";
import type { AnswerName, ChatTurn, TurnAnswer, TurnCompletion } from "../../src/protocol/chatView.ts";
import { recordVersion, type CompletionRecord } from "../../src/protocol/records.ts";
import { shownAgain, type ShownVideo } from "../../src/protocol/video.ts";
import type { CompletionName, NamedGroupRecord } from "../rollouts/groupModel.ts";
import type { FollowedAnswer } from "./draft.ts";

/** The answers to a question as the views of the rollout viewer show a group: those of the first policy, then of the second. */

/** Whose answer a completion of the group is. */
export function ownerOf(turn: ChatTurn, k: number): number {
  return Math.min(Math.floor(k / turn.asked.samples), turn.answers.length - 1);
}

/** @param selected the completion whose policy's frames are shown: two policies may see a video in different ways */
export function turnRecord(turn: ChatTurn, selected: number): NamedGroupRecord {
  const { asked, answers, id } = turn;
  const task = asked.task === "free" ? "open" : asked.task;
  const input = shownInput(turn, selected);
  return {
    version: recordVersion,
    step: id,
    group: 0,
    datasetId: "",
    exampleId: "",
    task,
    prompt: input?.prompt ?? "",
    question: asked.text,
    ...(asked.options.length === 0 ? {} : { options: asked.options }),
    think: asked.think,
    durationSec: null,
    row: null,
    promptTokens: input?.promptTokens ?? null,
    video: input?.video ?? null,
    truth: asked.truth ?? { task: "open", answer: null },
    rewardMean: 0,
    rewardStd: 0,
    completions: answers.flatMap((answer, i) =>
      slots(turn).map((j) => completionRecord(turn, answer.completions[j], i * asked.samples + j)),
    ),
    names: answers.flatMap((_, i) => slots(turn).map((j) => nameOf(answers, i, j))),
  };
}

export function isOver(kind: TurnAnswer["state"]["kind"]): boolean {
  return kind === "done" || kind === "stopped" || kind === "failed";
}

/**
 * An answer with the conversation that led to it, and its video; null while it grows, where nothing was said, and where it is
 * not known what the policy saw.
 */
export function followedAnswer(
  turn: ChatTurn,
  k: number,
): { readonly after: FollowedAnswer; readonly video: ShownVideo } | null {
  const { answers, asked, id } = turn;
  const owner = ownerOf(turn, k);
  const answer = answers[owner];
  const completion = answer?.completions[k - owner * asked.samples];
  if (answer === undefined || answer.input === null) return null;
  if (completion === undefined || completion.text === "") return null;
  if (completion.finishReason === null && !isOver(answer.state.kind)) return null;
  const before = asked.question.kind === "free" ? (asked.question.earlier ?? []) : [];
  const earlier = [...before, { prompt: answer.input.prompt, answer: completion.text }];
  const { label } = nameOf(answers, owner, k - owner * asked.samples);
  return { after: { name: { turn: id, label }, earlier }, video: shownAgain(answer.input.video) };
}

export function goesOnText({ turn, label }: AnswerName): string {
  return t("Goes on from answer {0} of question {1}", label, turn);
}

/** What the policy of the selected answer saw; what the other did while that is not known. */
export function shownInput({ answers, asked }: ChatTurn, selected: number): TurnAnswer["input"] {
  const own = answers[Math.floor(selected / asked.samples)]?.input ?? null;
  return own ?? answers.find(({ input }) => input !== null)?.input ?? null;
}

function slots({ asked }: ChatTurn): readonly number[] {
  return Array.from({ length: asked.samples }, (_, j) => j);
}

/** "A2" where two policies answer, else "2". */
function nameOf(answers: readonly TurnAnswer[], i: number, j: number): CompletionName {
  const label = answers.length > 1 ? `${policyLetter(i)}${j + 1}` : String(j + 1);
  return { label, title: t("Answer {0}", label), tone: i === 0 ? "positive" : "negative" };
}

export function policyLetter(i: number): string {
  return i === 0 ? "A" : "B";
}

function completionRecord(turn: ChatTurn, completion: TurnCompletion | undefined, k: number): CompletionRecord {
  const { text, tokenCount, finishReason, parsed } = completion ?? nothingYet;
  const task = turn.asked.task === "free" ? "open" : turn.asked.task;
  // What was cut short has not failed to answer.
  const shown = parsed === null || finishReason === null ? { ...parsed, task, failures: [] } : parsed;
  return {
    id: `${turn.id}/0/${k}`,
    text,
    tokenCount,
    finishReason,
    parsed: shown,
    rewards: [],
    reward: null,
    advantage: 0,
    meanKl: null,
    meanEntropy: null,
  };
}

const nothingYet: TurnCompletion = { text: "", tokenCount: 0, finishReason: null, parsed: null };
