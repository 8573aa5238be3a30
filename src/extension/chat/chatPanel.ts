import { t } from "@vscode/l10n";
import { randomInt } from "node:crypto";
import * as vscode from "vscode";
import { askChat, chatProgress, closeChat, openChat } from "../../protocol/chat.ts";
import type { RpcCancellationToken } from "../../protocol/connection.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { EngineClient } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { cacheDir, type ExtensionPaths } from "../setup/settings.ts";
import { connectPage } from "../viewer/pagePanel.ts";
import { ChatHost, isChatMessage, type AskWatch, type ChatPorts, type NamedSource } from "./chatHost.ts";
import type { ChatMemory } from "./chatMemory.ts";
import { chooseExample, chooseSource, chooseVideo, droppedVideo } from "./chatPicks.ts";
import { sourceOf } from "./chatSources.ts";

const chatViewType = "videoRft.chat";

export interface ChatServices {
  readonly engine: EngineClient;
  readonly registry: RunRegistry;
  readonly paths: ExtensionPaths;
  readonly workspaceState: vscode.Memento;
  readonly showError: (error: unknown) => void;
}

const memoryKey = "videoRft.chat";

interface OpenChat {
  readonly panel: vscode.WebviewPanel;
  readonly host: ChatHost;
}

/** The chat of this window: one panel, which comes back with its window. Its policies are held while it is open. */
export class ChatPanel implements vscode.WebviewPanelSerializer, Disposable {
  readonly handlers: Pick<CommandHandlers, "videoRft.chat"> = {
    "videoRft.chat": (_engine, argument) => this.open(argument),
  };

  private readonly services: ChatServices;
  private readonly scope = new DisposableStore();
  private current: OpenChat | undefined;
  private asked = 0;

  constructor(services: ChatServices) {
    this.services = services;
    this.scope.add(vscode.window.registerWebviewPanelSerializer(chatViewType, this));
    this.scope.add(
      services.engine.onDidChangeState(({ kind }) => {
        if (kind === "stopped" || kind === "failed") this.current?.host.engineEnded(engineEnded());
      }),
    );
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    if (this.current !== undefined) {
      panel.dispose();
      return;
    }
    panel.webview.options = this.webviewOptions();
    this.adopt(panel, this.services.workspaceState.get<ChatMemory>(memoryKey));
  }

  dispose(): void {
    this.scope.dispose();
    this.current?.host.dispose().catch(() => undefined); // the engine ends as well
  }

  private async open(argument: unknown): Promise<void> {
    const { registry } = this.services;
    const source = sourceOf(argument) ?? (await chooseSource(registry, t("Chat with Checkpoint")));
    if (source === undefined) return;
    const { panel, host } = this.current ?? this.create();
    panel.reveal();
    await host.openPolicy(0, source);
  }

  private create(): OpenChat {
    const panel = vscode.window.createWebviewPanel(chatViewType, t("RFT Chat"), vscode.ViewColumn.Active, {
      enableFindWidget: true,
      ...this.webviewOptions(),
    });
    return this.adopt(panel);
  }

  private webviewOptions(): vscode.WebviewOptions {
    const { paths } = this.services;
    const roots = [paths.pagesDir, paths.mediaDir, cacheDir(paths)];
    return { enableScripts: true, localResourceRoots: roots.map((root) => vscode.Uri.file(root)) };
  }

  private adopt(panel: vscode.WebviewPanel, memory?: ChatMemory): OpenChat {
    const { paths, showError } = this.services;
    const host = new ChatHost(this.ports(panel), memory);
    connectPage(panel, {
      ...{ name: "chat", paths, host, isMessage: isChatMessage, showError },
      onDispose: () => {
        this.current = undefined;
        host.dispose().catch(showError);
      },
    });
    this.current = { panel, host };
    return this.current;
  }

  private ports({ webview }: vscode.WebviewPanel): ChatPorts {
    const { engine, registry, workspaceState, showError } = this.services;
    return {
      open: async (source, ifBusy, signal) =>
        (await withToken(signal, (token) => engine.request(openChat, { source, ifBusy }, token))).policy,
      close: async (id) => void (await engine.request(closeChat, { id })),
      ask: (params, watch) => this.ask(params, watch),
      post: (message) => void webview.postMessage(message),
      toUri: (file) => webview.asWebviewUri(vscode.Uri.file(file)).toString(),
      choosePolicy: (slot): Promise<NamedSource | undefined> =>
        chooseSource(registry, slot === 0 ? t("Chat with Checkpoint") : t("Compare with")),
      chooseVideo,
      chooseExample: (id) => chooseExample(engine, id),
      droppedVideo,
      newSeed: () => randomInt(2 ** 31),
      remember: (memory) => void workspaceState.update(memoryKey, memory).then(undefined, showError),
    };
  }

  private async ask(params: Parameters<ChatPorts["ask"]>[0], { signal, onProgress }: AskWatch) {
    const { engine } = this.services;
    const ask = `ask-${++this.asked}`;
    const listening = engine.on(chatProgress, (told) => {
      if (told.ask === ask) onProgress(told.progress);
    });
    try {
      return await withToken(signal, (token) => engine.request(askChat, { ...params, ask }, token));
    } finally {
      listening.dispose();
    }
  }
}

function engineEnded() {
  const message = t("The engine process has ended, and with it this policy.");
  return { code: "disconnected", message, hint: t("Open it again to go on.") } as const;
}

/** A request that ends with a signal. */
async function withToken<T>(signal: AbortSignal, request: (token: RpcCancellationToken) => Promise<T>): Promise<T> {
  const source = new vscode.CancellationTokenSource();
  const cancel = (): void => source.cancel();
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel);
  try {
    return await request(source.token);
  } finally {
    signal.removeEventListener("abort", cancel);
    source.dispose();
  }
}
