import { request, notification } from "./messages.ts";
import type { FinishReason, SeenVideo } from "./records.ts";
import type { VideoSpec } from "./spec.ts";
import type { BoundingBox, ParsedAnswer, TaskId, Truth } from "./tasks.ts";
import type { ShownVideo } from "./video.ts";

/** Talking to a policy: what can be opened, what is asked, what comes back. */

/** What can be talked to. Paths are absolute. */
export type ChatSource =
  | { readonly kind: "checkpoint"; readonly runDir: string; readonly step: number }
  /** The model that a specification starts from. */
  | { readonly kind: "spec"; readonly specPath: string }
  /** A Hugging Face checkpoint, a checkpoint of a run, or a run for its newest one. */
  | { readonly kind: "folder"; readonly dir: string };

/** What to do where a run uses the device: chat and run would slow each other down. */
export const ifBusyChoices = ["refuse", "share", "wait"] as const;
export type IfBusy = (typeof ifBusyChoices)[number];

/** At most so many are held at a time, each in a process of its own: enough to compare two. */
export const maxChatPolicies = 2;
export const maxChatSamples = 16;

/** Opens a policy. Cancellable; refused with "device-busy" while a run uses the device, unless that is wanted. */
export const openChat = request<{ source: ChatSource; ifBusy: IfBusy }, { policy: ChatPolicy }>("chat/open");
/** Ends the policy's process, whatever it is doing. */
export const closeChat = request<{ id: string }, Record<string, never>>("chat/close");
/** Examples to ask about: held-out ones where the specification has any. At most some hundreds, at equal distances. */
export const listChatExamples = request<{ id: string }, { examples: readonly ChatExample[]; total: number }>(
  "chat/examples",
);
/** Asks. A cancelled question is answered with what was sampled until then. Refused with "device-busy" as `openChat` is. */
export const askChat = request<AskChatParams, ChatAnswer>("chat/ask");
/** How a question goes on; `ask` is the question's own name. */
export const chatProgress = notification<{ ask: string; progress: ChatProgress }>("chat/progress");

export interface ChatPolicy {
  readonly id: string;
  readonly source: ChatSource;
  readonly name: string;
  /** Folder of its weights. */
  readonly dir: string;
  readonly parameters: number;
  readonly provider: string;
  /** Tasks of its specification, the first asked first. */
  readonly tasks: readonly TaskId[];
  /** Whether the specification asks for reasoning, by task; true where nothing is said. */
  readonly think: Readonly<Partial<Record<TaskId, boolean>>>;
  readonly sampling: ChatSampling;
  /** How it gets its frames. */
  readonly video: VideoSpec;
}

export interface ChatSampling {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  readonly maxCompletionLength: number;
}

export interface ChatExample extends ShownVideo {
  readonly dataset: string;
  readonly example: string;
  readonly task: TaskId;
  readonly question: string;
  readonly options?: readonly string[] | undefined;
  readonly truth: Truth;
}

export type ChatQuestion =
  /** The text is the user's turn as it stands; `earlier` is the conversation that it goes on with, if any. */
  | {
      readonly kind: "free";
      readonly video: ShownVideo;
      readonly text: string;
      readonly earlier?: readonly ChatExchange[] | undefined;
    }
  /** The prompt is the one that a run of the policy's specification makes of this. */
  | {
      readonly kind: "task";
      readonly task: TaskId;
      readonly video: ShownVideo;
      readonly question: string;
      readonly options: readonly string[];
      readonly track: { readonly firstBox: BoundingBox; readonly boxes: number } | null;
    }
  | { readonly kind: "example"; readonly dataset: string; readonly example: string };

/** A question that was answered. */
export interface ChatExchange {
  /** Text of the user turn. */
  readonly prompt: string;
  readonly answer: string;
}

export interface AskChatParams {
  readonly id: string;
  readonly ask: string;
  readonly question: ChatQuestion;
  readonly think: boolean;
  readonly samples: number;
  readonly sampling: ChatSampling;
  readonly seed: number;
  readonly ifBusy: IfBusy;
}

export type ChatProgress =
  /** For the runs that use the device, by their names. */
  | { readonly kind: "waiting"; readonly runs: readonly string[] }
  | ({ readonly kind: "seen" } & ChatInput)
  | { readonly kind: "texts"; readonly texts: readonly ChatText[] };

/** What the policy got. */
export interface ChatInput {
  /** Text of the last user turn. */
  readonly prompt: string;
  /** Of all turns. */
  readonly promptTokens: number;
  readonly video: SeenVideo;
  /** Images of the frames in their order; empty with a reason when they cannot be had. */
  readonly frames: readonly string[];
  readonly framesReason?: string | undefined;
}

export interface ChatText {
  readonly text: string;
  readonly tokenCount: number;
  /** null: not ended, or cancelled before it did. */
  readonly finishReason: FinishReason | null;
}

export interface ChatCompletion extends ChatText {
  readonly parsed: ParsedAnswer;
}

export interface ChatAnswer {
  /** null when the question was cancelled before the video was read. */
  readonly input: ChatInput | null;
  readonly completions: readonly ChatCompletion[];
  readonly isCancelled: boolean;
}
