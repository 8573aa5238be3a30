import type { ChatCompletion, ChatExample, ChatInput, ChatPolicy, ChatQuestion, ChatSampling } from "./chat.ts";
import type { ErrorData } from "./errors.ts";
import type { TaskId, Truth } from "./tasks.ts";
import type { ShownVideo } from "./video.ts";

/** Messages between the extension host and the chat page. Payloads are complete snapshots, never deltas. */
export type HostToChat =
  /** What is talked to, in the order of their columns. */
  | { readonly kind: "slots"; readonly slots: readonly ChatSlot[] }
  /** All questions, oldest first. */
  | { readonly kind: "turns"; readonly turns: readonly ChatTurn[] }
  /** One of them, as it is now. */
  | { readonly kind: "turn"; readonly turn: ChatTurn }
  /** What the user has chosen to ask about. */
  | { readonly kind: "video"; readonly video: ShownVideo; readonly name: string }
  | { readonly kind: "example"; readonly example: ChatExample; readonly name: string };

export type ChatToHost =
  | { readonly kind: "ready" }
  | { readonly kind: "ask"; readonly asked: AskedQuestion }
  | { readonly kind: "stop" }
  /** What to do where a run uses the device. */
  | { readonly kind: "passBusy"; readonly how: "share" | "wait" }
  | { readonly kind: "chooseVideo" }
  | { readonly kind: "chooseExample" }
  /** URIs of files that were dropped on the page. */
  | { readonly kind: "dropVideo"; readonly uris: readonly string[] }
  | { readonly kind: "choosePolicy"; readonly slot: number }
  | { readonly kind: "reopenPolicy"; readonly slot: number }
  | { readonly kind: "closePolicy"; readonly slot: number }
  | { readonly kind: "clear" };

/** A policy of the panel, or the place of one. */
export interface ChatSlot {
  readonly name: string;
  readonly state:
    /** With the window that it was talked to in: the user opens it again, since that takes memory and time. */
    | { readonly kind: "closed" }
    | { readonly kind: "opening" }
    | { readonly kind: "open"; readonly policy: ChatPolicy }
    /** A run uses the device: the user decides. */
    | { readonly kind: "busy"; readonly error: ErrorData }
    | { readonly kind: "failed"; readonly error: ErrorData };
}

/** A question with all that decides its answers, and how it is shown. */
export interface AskedQuestion {
  readonly question: ChatQuestion;
  readonly task: TaskId | "free";
  /** As the user wrote it, or the dataset has it. */
  readonly text: string;
  readonly options: readonly string[];
  readonly videoName: string;
  /** The answer that it goes on from; absent where it is asked afresh. */
  readonly after?: AnswerName | undefined;
  /** null: nobody says what is right. */
  readonly truth: Truth | null;
  readonly think: boolean;
  readonly samples: number;
  readonly sampling: ChatSampling;
}

/** An answer as the page names it: "A2" of question 3. */
export interface AnswerName {
  readonly turn: number;
  readonly label: string;
}

export interface ChatTurn {
  /** From 1, in the order of asking. */
  readonly id: number;
  readonly asked: AskedQuestion;
  /** One of each policy that was asked. */
  readonly answers: readonly TurnAnswer[];
}

export interface TurnAnswer {
  readonly policyName: string;
  readonly state: AnswerState;
  /** What the policy saw; null until that is known. `frames` are webview URIs. */
  readonly input: ChatInput | null;
  readonly completions: readonly TurnCompletion[];
}

export type AnswerState =
  /** For the policy beside it, which is asked first. */
  | { readonly kind: "waiting" }
  | { readonly kind: "waitingForRun"; readonly runs: readonly string[] }
  | { readonly kind: "busy"; readonly error: ErrorData }
  | { readonly kind: "reading" } // the video
  | { readonly kind: "answering" }
  | { readonly kind: "done" }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly error: ErrorData };

export interface TurnCompletion extends Omit<ChatCompletion, "parsed"> {
  /** null while it grows. */
  readonly parsed: ChatCompletion["parsed"] | null;
}
