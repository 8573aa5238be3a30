import { t } from "@vscode/l10n";
import {
  maxChatSamples,
  type ChatExample,
  type ChatExchange,
  type ChatPolicy,
  type ChatQuestion,
} from "../../src/protocol/chat.ts";
import type { AnswerName, AskedQuestion } from "../../src/protocol/chatView.ts";
import { taskIds, type BoundingBox, type TaskId } from "../../src/protocol/tasks.ts";
import type { ShownVideo } from "../../src/protocol/video.ts";

/** The question that is being written. */
export interface Draft {
  readonly video: { readonly shown: ShownVideo; readonly name: string } | null;
  readonly task: TaskId | "free";
  readonly text: string;
  /** One a line. */
  readonly options: string;
  /** Of the object to follow, as prompts write it: left, top, right, bottom from 0 to 1. */
  readonly firstBox: string;
  readonly boxes: number;
  readonly think: boolean;
  readonly samples: number;
  readonly isGreedy: boolean;
  readonly temperature: number;
  readonly maxTokens: number;
  /** The example that all of this was taken from; null as soon as something of it is changed. */
  readonly example: ChatExample | null;
  /** The answer that the question goes on from; null: asked afresh. Another video or task has no such conversation. */
  readonly after: FollowedAnswer | null;
  /** The user has set how it is sampled; until then it is as the policy's specification has it. */
  readonly isTuned: boolean;
}

export interface FollowedAnswer {
  readonly name: AnswerName;
  /** The conversation up to that answer, which is its last. */
  readonly earlier: readonly ChatExchange[];
}

export const emptyDraft: Draft = {
  video: null,
  task: "free",
  text: "",
  options: "",
  firstBox: "",
  boxes: 8,
  think: true,
  samples: 1,
  isGreedy: false,
  temperature: 1,
  maxTokens: 256,
  example: null,
  after: null,
  isTuned: false,
};

const ofExample = ["video", "task", "text", "options", "firstBox", "boxes"] as const;
const ofConversation = ["video", "task"] as const;
const ofSampling = ["isGreedy", "temperature", "maxTokens"] as const;

/** The draft after an edit of the user's. */
export function edited(draft: Draft, change: Partial<Draft>): Draft {
  const changes = (keys: readonly (keyof Draft)[]): boolean =>
    keys.some((key) => key in change && change[key] !== draft[key]);
  return {
    ...draft,
    ...change,
    example: changes(ofExample) ? null : draft.example,
    after: changes(ofConversation) ? null : change.after === undefined ? draft.after : change.after,
    isTuned: draft.isTuned || changes(ofSampling),
  };
}

/** Sampling and reasoning as the policy's specification has them, where the user has not said otherwise. */
export function withDefaults(draft: Draft, policy: ChatPolicy): Draft {
  if (draft.isTuned) return draft;
  const { temperature, maxCompletionLength: maxTokens } = policy.sampling;
  const greedy = temperature === 0;
  return {
    ...draft,
    isGreedy: greedy,
    temperature: greedy ? 1 : temperature,
    maxTokens,
    think: thinkOf(draft.task, policy),
  };
}

export function thinkOf(task: Draft["task"], policy: ChatPolicy | null): boolean {
  return task === "free" ? true : (policy?.think[task] ?? true);
}

export function withExample(draft: Draft, example: ChatExample, name: string, policy: ChatPolicy | null): Draft {
  const { dataset: _d, example: _e, task, question, options = [], truth, ...shown } = example;
  const track = truth.task === "tracking" ? truth.boxes : [];
  return {
    ...draft,
    video: { shown, name },
    task,
    text: question,
    options: options.join("\n"),
    firstBox: track[0] === undefined ? draft.firstBox : boxText(track[0].box),
    boxes: track.length > 0 ? track.length : draft.boxes,
    think: thinkOf(task, policy),
    example,
    after: null,
  };
}

/** The draft of a question that goes on from an answer: about the same video, in words of one's own. */
export function withFollowed(draft: Draft, after: FollowedAnswer, video: NonNullable<Draft["video"]>): Draft {
  return { ...draft, video, task: "free", text: "", think: true, example: null, after };
}

/** What is asked, or what it still lacks. */
export function askedOf(
  draft: Draft,
): { readonly ok: true; readonly asked: AskedQuestion } | { readonly ok: false; readonly lacks: string } {
  const question = questionOf(draft);
  if (typeof question === "string") return { ok: false, lacks: question };
  const { task, text, example, video, after, isGreedy, temperature, maxTokens: maxCompletionLength, think } = draft;
  const asked: AskedQuestion = {
    question,
    task,
    text: text.trim(),
    options: hasOptions(task) ? optionsOf(draft) : [],
    videoName: video?.name ?? "",
    ...(after === null ? {} : { after: after.name }),
    truth: example?.truth ?? null,
    think,
    // Greedy answers are all the same.
    samples: isGreedy ? 1 : draft.samples,
    sampling: { temperature: isGreedy ? 0 : temperature, maxCompletionLength },
  };
  return { ok: true, asked };
}

function questionOf(draft: Draft): ChatQuestion | string {
  const { video, task, example } = draft;
  if (example !== null) return { kind: "example", dataset: example.dataset, example: example.example };
  if (video === null) return t("Choose a video, or take an example.");
  const text = draft.text.trim();
  if (text === "") return t("Write a question.");
  const earlier = draft.after === null ? {} : { earlier: draft.after.earlier };
  if (task === "free") return { kind: "free", video: video.shown, text, ...earlier };
  const options = hasOptions(task) ? optionsOf(draft) : [];
  if (hasOptions(task) && options.length < 2) return t("Write at least two options, one a line.");
  const firstBox = task === "tracking" ? parseBox(draft.firstBox) : null;
  if (task === "tracking" && firstBox === null)
    return t("Write the object's box at the start: left, top, right, bottom from 0 to 1.");
  const track = firstBox === null ? null : { firstBox, boxes: draft.boxes };
  return { kind: "task", task, video: video.shown, question: text, options, track };
}

export function hasOptions(task: Draft["task"]): boolean {
  return task === "multiple-choice" || task === "grounded-qa";
}

function optionsOf({ options }: Draft): readonly string[] {
  return options
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** "[0.10, 0.20, 0.30, 0.40]", with or without brackets. */
export function parseBox(text: string): BoundingBox | null {
  const parts = text
    .replace(/[[\]()]/g, "")
    .split(/[\s,;]+/)
    .filter((part) => part !== "");
  const [x0, y0, x1, y1] = parts.map(Number);
  if (parts.length !== 4 || x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined) return null;
  const isInside = [x0, y0, x1, y1].every((value) => value >= 0 && value <= 1);
  return isInside && x1 > x0 && y1 > y0 ? { x0, y0, x1, y1 } : null;
}

function boxText({ x0, y0, x1, y1 }: BoundingBox): string {
  return [x0, y0, x1, y1].map((value) => value.toFixed(2)).join(", ");
}

/** The draft that an earlier page kept, whatever wrote it. */
export function readDraft(saved: unknown): Draft {
  if (typeof saved !== "object" || saved === null) return emptyDraft;
  // SAFETY: each field is looked at below; one of another kind is left out.
  const known = saved as Partial<Record<keyof Draft, unknown>>;
  const keep = <Key extends keyof Draft>(key: Key, isRight: (value: unknown) => boolean): Partial<Draft> =>
    // SAFETY: `isRight` has just told the type of the field.
    isRight(known[key]) ? { [key]: known[key] as Draft[Key] } : {};
  const isText = (value: unknown): boolean => typeof value === "string";
  const isFlag = (value: unknown): boolean => typeof value === "boolean";
  const isCount = (value: unknown): boolean => typeof value === "number" && Number.isInteger(value) && value > 0;
  return {
    ...emptyDraft,
    ...keep("task", (value) => value === "free" || taskIds.some((task) => task === value)),
    ...keep("text", isText),
    ...keep("options", isText),
    ...keep("firstBox", isText),
    ...keep("boxes", isCount),
    ...keep("think", isFlag),
    ...keep("samples", (value) => isCount(value) && Number(value) <= maxChatSamples),
    ...keep("isGreedy", isFlag),
    ...keep("temperature", (value) => typeof value === "number" && value > 0),
    ...keep("maxTokens", isCount),
    ...keep("isTuned", isFlag),
    ...keep("video", isVideo),
    // Only together with what was taken from it.
    ...(isVideo(known.video) ? keep("example", (value) => typeof value === "object") : {}),
    ...(isVideo(known.video) ? keep("after", isFollowed) : {}),
  };
}

function isVideo(value: unknown): boolean {
  if (!isObject(value) || !isObject(value["shown"])) return false;
  return typeof value["name"] === "string" && typeof value["shown"]["videoPath"] === "string";
}

function isFollowed(value: unknown): boolean {
  if (value === null) return true;
  if (!isObject(value) || !isObject(value["name"]) || !Array.isArray(value["earlier"])) return false;
  const isExchange = (said: unknown): boolean =>
    isObject(said) && typeof said["prompt"] === "string" && typeof said["answer"] === "string";
  const { turn, label } = value["name"];
  return typeof turn === "number" && typeof label === "string" && value["earlier"].every(isExchange);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
