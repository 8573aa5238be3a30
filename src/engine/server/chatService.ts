import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  askChat,
  chatProgress,
  closeChat,
  listChatExamples,
  maxChatPolicies,
  maxChatSamples,
  openChat,
  type AskChatParams,
  type ChatAnswer,
  type ChatPolicy,
  type ChatProgress,
  type ChatSource,
  type IfBusy,
} from "../../protocol/chat.ts";
import { notify, onRequest, type RpcConnection } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import { serviceLog } from "../../protocol/messages.ts";
import { ChatSession } from "../chat/chatSession.ts";
import { runsOnDevice } from "./deviceQueue.ts";
import { enginePrograms } from "./engineFiles.ts";
import type { EngineSettings } from "./launcher.ts";
import { signalOf } from "./rpc.ts";
import { deviceQueueDir } from "./runtimeDir.ts";

const pollMs = 500;

/** Answers the extension's requests that have to do with chat. The policies' processes end with this one. */
export function serveChat(connection: RpcConnection, settings: () => EngineSettings): void {
  const service = new ChatService(connection, settings);
  onRequest(connection, openChat, async ({ source, ifBusy }, token) => ({
    policy: await service.open(source, ifBusy, signalOf(token)),
  }));
  onRequest(connection, closeChat, async ({ id }) => service.close(id));
  onRequest(connection, listChatExamples, ({ id }) => service.sessionOf(id).examples());
  onRequest(connection, askChat, (params, token) => service.ask(params, signalOf(token)));
}

class ChatService {
  readonly #connection: RpcConnection;
  readonly #settings: () => EngineSettings;
  readonly #sessions = new Map<string, ChatSession>();
  #opened = 0;
  #opening = 0;

  constructor(connection: RpcConnection, settings: () => EngineSettings) {
    this.#connection = connection;
    this.#settings = settings;
  }

  async open(source: ChatSource, ifBusy: IfBusy, signal: AbortSignal): Promise<ChatPolicy> {
    if (this.#sessions.size + this.#opening >= maxChatPolicies) {
      throw new UserError({
        code: "unsupported",
        message: `${maxChatPolicies} policies are held at a time at most`,
        hint: "Close one of them first.",
      });
    }
    this.#opening += 1;
    try {
      await passBusyDevice(ifBusy, signal, () => undefined);
      return await this.#open(source, signal);
    } finally {
      this.#opening -= 1;
    }
  }

  async ask(params: AskChatParams, signal: AbortSignal): Promise<ChatAnswer> {
    const { id, ask, samples, ifBusy } = params;
    const session = this.sessionOf(id);
    if (!Number.isInteger(samples) || samples < 1 || samples > maxChatSamples) {
      throw new UserError({
        code: "unsupported",
        message: `expected 1 to ${maxChatSamples} samples, found ${samples}`,
      });
    }
    const tell = (progress: ChatProgress): void => notify(this.#connection, chatProgress, { ask, progress });
    await passBusyDevice(ifBusy, signal, (runs) => tell({ kind: "waiting", runs }));
    return session.ask(params, { signal, onProgress: tell });
  }

  async close(id: string): Promise<Record<string, never>> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await session?.close();
    return {};
  }

  sessionOf(id: string): ChatSession {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new UserError({
      code: "not-found",
      message: "this policy is not open any more",
      hint: "Open it again to go on.",
    });
  }

  async #open(source: ChatSource, signal: AbortSignal): Promise<ChatPolicy> {
    const { engineDir, cacheDir, ffmpegPath } = this.#settings();
    const onLog = (line: string): void =>
      notify(this.#connection, serviceLog, { level: "info", message: `chat: ${line}` });
    const context = { modulePath: path.resolve(enginePrograms(engineDir).backend), cacheDir, ffmpegPath, onLog };
    const heldBytes = [...this.#sessions.values()].reduce((sum, { rssBytes }) => sum + rssBytes, 0);
    const id = `chat-${++this.#opened}`;
    const session = await ChatSession.open(id, source, context, { heldBytes, signal });
    this.#sessions.set(id, session);
    session.onDidDie(() => this.#sessions.delete(id));
    return session.policy;
  }
}

/** @throws UserError "device-busy" where a run uses the device and nobody has said what then; "cancelled" while it waits */
async function passBusyDevice(
  ifBusy: IfBusy,
  signal: AbortSignal,
  onWait: (runs: readonly string[]) => void,
): Promise<void> {
  if (ifBusy === "share") return;
  let told = "";
  for (;;) {
    const runs = (await runsOnDevice(deviceQueueDir())).map(({ runId }) => runId);
    if (runs.length === 0) return;
    if (ifBusy === "refuse") {
      throw new UserError({
        code: "device-busy",
        where: runs.join(", "),
        message: "a run uses this device; it and the answers would slow each other down",
        hint: "Wait for the run, or share the device with it.",
      });
    }
    if (runs.join() !== told) onWait(runs);
    told = runs.join();
    await delay(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
