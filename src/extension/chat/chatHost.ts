import { UserError, type ErrorData } from "../../protocol/errors.ts";
import type {
  AskChatParams,
  ChatAnswer,
  ChatExample,
  ChatInput,
  ChatPolicy,
  ChatProgress,
  ChatSource,
  IfBusy,
} from "../../protocol/chat.ts";
import { maxChatPolicies } from "../../protocol/chat.ts";
import type {
  AnswerState,
  AskedQuestion,
  ChatSlot,
  ChatToHost,
  ChatTurn,
  HostToChat,
  TurnAnswer,
} from "../../protocol/chatView.ts";
import { thrownText } from "../errorText.ts";
import { emptyMemory, memoryOf, type ChatMemory } from "./chatMemory.ts";

/** What can be talked to, by a name for people. */
export interface NamedSource {
  readonly name: string;
  readonly source: ChatSource;
}

export interface ChosenVideo {
  readonly file: string;
  readonly name: string;
}

/** What the host half of the chat needs of the outside. */
export interface ChatPorts {
  open(source: ChatSource, ifBusy: IfBusy, signal: AbortSignal): Promise<ChatPolicy>;
  close(id: string): Promise<void>;
  ask(params: Omit<AskChatParams, "ask">, watch: AskWatch): Promise<ChatAnswer>;
  post(message: HostToChat): void;
  toUri(file: string): string;
  choosePolicy(slot: number): Promise<NamedSource | undefined>;
  chooseVideo(): Promise<ChosenVideo | undefined>;
  chooseExample(policyId: string): Promise<{ example: ChatExample; name: string } | undefined>;
  /** The file of a dropped URI; undefined for what is no file. */
  droppedVideo(uris: readonly string[]): ChosenVideo | undefined;
  newSeed(): number;
  /** Keeps what outlives the window. */
  remember(memory: ChatMemory): void;
}

export interface AskWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ChatProgress) => void;
}

interface Slot {
  readonly source: NamedSource;
  readonly abort: AbortController;
  shown: ChatSlot;
}

/** The question that is being answered. */
interface Running {
  readonly turn: number;
  readonly abort: AbortController;
  /** Waits for the user to say what to do about a run on the device. */
  decide: ((how: "share" | "wait") => void) | null;
}

/** Host half of the chat: the policies, the questions with their answers, and the one that is being answered. */
export class ChatHost {
  private readonly ports: ChatPorts;
  private slots: readonly Slot[] = [];
  private turns: readonly ChatTurn[] = [];
  private running: Running | null = null;
  private isReady = false;
  private isDisposed = false;
  /** Runs that the user has agreed to share the device with: what a refusal names. Others are asked about anew. */
  private sharedWith: string | null = null;

  /** @param memory of a window that was closed; its policies are opened again when the user says so: they take memory and time */
  constructor(ports: ChatPorts, memory = emptyMemory) {
    this.ports = ports;
    this.turns = memory.turns;
    this.slots = memory.sources.map((source) => {
      return { source, abort: new AbortController(), shown: { name: source.name, state: { kind: "closed" } } };
    });
  }

  async receive(message: ChatToHost): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.isReady = true;
        this.postSlots();
        return this.post({ kind: "turns", turns: this.turns });
      case "ask":
        return this.ask(message.asked);
      case "stop":
        return this.stop();
      case "passBusy":
        return this.passBusy(message.how);
      case "chooseVideo":
        return this.setVideo(await this.ports.chooseVideo());
      case "dropVideo":
        return this.setVideo(this.ports.droppedVideo(message.uris));
      case "chooseExample":
        return this.chooseExample();
      case "choosePolicy":
        return this.choosePolicy(message.slot);
      case "reopenPolicy": {
        const slot = this.slots[message.slot];
        return slot === undefined ? undefined : this.openPolicy(message.slot, slot.source);
      }
      case "closePolicy":
        return this.closePolicy(message.slot);
      case "clear":
        this.turns = this.turns.filter(({ id }) => id === this.running?.turn);
        this.remember();
        return this.post({ kind: "turns", turns: this.turns });
    }
  }

  /** Talks to a policy in a column; what was there is closed first, since it may hold memory that this one needs. */
  async openPolicy(index: number, source: NamedSource): Promise<void> {
    const place = Math.min(index, this.slots.length, maxChatPolicies - 1);
    await this.release(this.slots[place]);
    const slot: Slot = {
      source,
      abort: new AbortController(),
      shown: { name: source.name, state: { kind: "opening" } },
    };
    this.slots = [...this.slots.slice(0, place), slot, ...this.slots.slice(place + 1)];
    this.postSlots();
    this.remember();
    await this.open(slot, "refuse");
  }

  /** The page's document is gone until it says "ready" again. */
  hidden(): void {
    this.isReady = false;
  }

  /** The engine's process, and with it every policy, has ended. */
  engineEnded(error: ErrorData): void {
    for (const slot of this.slots) {
      const { kind } = slot.shown.state;
      if (kind !== "failed" && kind !== "closed") this.show(slot, { kind: "failed", error });
    }
  }

  /** Ends what is going on and gives the policies' memory back. */
  async dispose(): Promise<void> {
    this.isReady = false;
    this.isDisposed = true;
    this.stop();
    const slots = this.slots;
    this.slots = [];
    await Promise.all(slots.map((slot) => this.release(slot)));
  }

  private async open(slot: Slot, ifBusy: IfBusy): Promise<void> {
    try {
      const policy = await this.ports.open(slot.source.source, ifBusy, slot.abort.signal);
      if (!this.slots.includes(slot)) return await this.ports.close(policy.id);
      slot.shown = { name: policy.name, state: { kind: "open", policy } };
    } catch (error) {
      const data = errorOf(error);
      const isBusy = data.code === "device-busy";
      if (isBusy && data.where === this.sharedWith) return this.open(slot, "share");
      slot.shown = { ...slot.shown, state: { kind: isBusy ? "busy" : "failed", error: data } };
    }
    this.postSlots();
  }

  private async closePolicy(index: number): Promise<void> {
    const slot = this.slots[index];
    if (this.slots.length > 1) this.slots = this.slots.filter((other) => other !== slot);
    await this.release(slot);
    this.postSlots();
    this.remember();
  }

  private async release(slot: Slot | undefined): Promise<void> {
    if (slot === undefined) return;
    slot.abort.abort();
    if (slot.shown.state.kind === "open") await this.ports.close(slot.shown.state.policy.id).catch(() => undefined);
  }

  private async choosePolicy(index: number): Promise<void> {
    const chosen = await this.ports.choosePolicy(index);
    if (chosen !== undefined) await this.openPolicy(index, chosen);
  }

  private setVideo(video: ChosenVideo | undefined): void {
    if (video !== undefined) this.post({ kind: "video", video: { videoPath: video.file }, name: video.name });
  }

  private async chooseExample(): Promise<void> {
    const state = this.slots.map(({ shown }) => shown.state).find(({ kind }) => kind === "open");
    if (state?.kind !== "open") return;
    const chosen = await this.ports.chooseExample(state.policy.id);
    if (chosen !== undefined) this.post({ kind: "example", ...chosen });
  }

  private stop(): void {
    this.running?.abort.abort();
    this.running?.decide?.("wait"); // the wait ends at once
  }

  private async passBusy(how: "share" | "wait"): Promise<void> {
    this.running?.decide?.(how);
    const busy = this.slots.filter(({ shown }) => shown.state.kind === "busy");
    for (const slot of busy) {
      const { state } = slot.shown;
      if (how === "share" && state.kind === "busy") this.sharedWith = state.error.where ?? null;
      this.show(slot, { kind: "opening" });
      await this.open(slot, how);
    }
  }

  /** Asks every policy that is open, one after the other: together they would only share the device. */
  private async ask(asked: AskedQuestion): Promise<void> {
    const policies = this.slots.flatMap(({ shown }) => (shown.state.kind === "open" ? [shown.state.policy] : []));
    if (this.running !== null || policies.length === 0) return;
    const id = (this.turns.at(-1)?.id ?? 0) + 1;
    const waiting = policies.map((policy): TurnAnswer => {
      return { policyName: policy.name, state: { kind: "waiting" }, input: null, completions: [] };
    });
    this.turns = [...this.turns, { id, asked, answers: waiting }];
    const running: Running = { turn: id, abort: new AbortController(), decide: null };
    this.running = running;
    const seed = this.ports.newSeed();
    try {
      this.postTurn(id);
      this.remember();
      for (const [i, policy] of policies.entries()) {
        if (running.abort.signal.aborted) this.change(id, i, { state: { kind: "stopped" } });
        else await this.askOne(running, i, { id: policy.id, ...paramsOf(asked), seed });
      }
    } finally {
      this.running = null;
      this.postTurn(id);
      this.remember();
    }
  }

  private async askOne(running: Running, i: number, params: Omit<AskChatParams, "ask" | "ifBusy">): Promise<void> {
    const { turn, abort } = running;
    const watch = { signal: abort.signal, onProgress: (progress: ChatProgress) => this.heard(turn, i, progress) };
    let ifBusy: IfBusy = "refuse";
    for (;;) {
      try {
        this.change(turn, i, { state: { kind: "reading" } });
        const { input, completions, isCancelled } = await this.ports.ask({ ...params, ifBusy }, watch);
        const state: AnswerState = { kind: isCancelled ? "stopped" : "done" };
        return this.change(turn, i, {
          state,
          completions,
          ...(input === null ? {} : { input: this.shownInput(input) }),
        });
      } catch (error) {
        const data = errorOf(error);
        if (data.code === "cancelled") return this.change(turn, i, { state: { kind: "stopped" } });
        if (data.code !== "device-busy") {
          this.failed(data, params.id);
          return this.change(turn, i, { state: { kind: "failed", error: data } });
        }
        if (data.where !== this.sharedWith) this.change(turn, i, { state: { kind: "busy", error: data } });
        ifBusy = data.where === this.sharedWith ? "share" : await this.decision(running);
        if (abort.signal.aborted) return this.change(turn, i, { state: { kind: "stopped" } });
        if (ifBusy === "share") this.sharedWith = data.where ?? null;
      }
    }
  }

  private decision(running: Running): Promise<"share" | "wait"> {
    return new Promise((resolve) => {
      running.decide = (how) => {
        running.decide = null;
        resolve(how);
      };
    });
  }

  /** A policy whose process has died is shown as such, so that it can be opened again. */
  private failed(error: ErrorData, policyId: string): void {
    if (error.code !== "backend-died" && error.code !== "not-found" && error.code !== "disconnected") return;
    const isOf = ({ shown: { state } }: Slot): boolean => state.kind === "open" && state.policy.id === policyId;
    const slot = this.slots.find(isOf);
    // A missing example is no missing policy.
    if (slot !== undefined && !(error.code === "not-found" && error.where !== undefined))
      this.show(slot, { kind: "failed", error });
  }

  private heard(turn: number, i: number, progress: ChatProgress): void {
    if (this.isDisposed) return; // and its webview, which makes URIs
    switch (progress.kind) {
      case "waiting":
        return this.change(turn, i, { state: { kind: "waitingForRun", runs: progress.runs } });
      case "seen":
        return this.change(turn, i, { input: this.shownInput(progress) });
      case "texts": {
        const completions = progress.texts.map((text) => ({ ...text, parsed: null }));
        return this.change(turn, i, { state: { kind: "answering" }, completions });
      }
    }
  }

  private shownInput({ prompt, promptTokens, video, frames, framesReason }: ChatInput): ChatInput {
    return { prompt, promptTokens, video, framesReason, frames: frames.map((file) => this.ports.toUri(file)) };
  }

  private change(turn: number, i: number, change: Partial<TurnAnswer>): void {
    this.turns = this.turns.map((known) =>
      known.id === turn
        ? { ...known, answers: known.answers.map((answer, k) => (k === i ? { ...answer, ...change } : answer)) }
        : known,
    );
    this.postTurn(turn);
  }

  private show(slot: Slot, state: ChatSlot["state"]): void {
    slot.shown = { ...slot.shown, state };
    this.postSlots();
  }

  private remember(): void {
    if (this.isDisposed) return;
    const sources = this.slots.map(({ source }) => source);
    this.ports.remember(memoryOf(sources, this.turns));
  }

  private postSlots(): void {
    this.post({ kind: "slots", slots: this.slots.map(({ shown }) => shown) });
  }

  private postTurn(id: number): void {
    const turn = this.turns.find((known) => known.id === id);
    if (turn !== undefined) this.post({ kind: "turn", turn });
  }

  private post(message: HostToChat): void {
    if (this.isReady) this.ports.post(message);
  }
}

function paramsOf({ question, think, samples, sampling }: AskedQuestion) {
  return { question, think, samples, sampling };
}

function errorOf(error: unknown): ErrorData {
  return UserError.is(error) ? error.toData() : { code: "internal", message: thrownText(error) };
}

/** A page of an older version may speak: an unknown kind is dropped. */
export function isChatMessage(value: unknown): value is ChatToHost {
  const kinds: Record<ChatToHost["kind"], true> = {
    ready: true,
    ask: true,
    stop: true,
    passBusy: true,
    chooseVideo: true,
    chooseExample: true,
    dropVideo: true,
    choosePolicy: true,
    reopenPolicy: true,
    closePolicy: true,
    clear: true,
  };
  return typeof value === "object" && value !== null && "kind" in value && Object.hasOwn(kinds, String(value.kind));
}
