import { randomBytes } from "node:crypto";
import path from "node:path";
import * as vscode from "vscode";
import { DisposableStore } from "../lifetime.ts";
import type { ExtensionPaths } from "../setup/settings.ts";
import { pageHtml } from "./pageHtml.ts";

/** A page of this extension in a panel, and what stands behind it. */
export interface PagePanel<Message> {
  /** Of its script, its sheet and its icon. */
  readonly name: "rollouts" | "dashboard" | "chat";
  readonly paths: ExtensionPaths;
  readonly host: { receive(message: Message): Promise<void>; hidden(): void };
  /** Messages of any other form are left out. */
  readonly isMessage: (message: unknown) => message is Message;
  readonly showError: (error: unknown) => void;
  readonly onViewState?: () => void;
  readonly onDispose: () => void;
}

/** Wires a page with its host, for as long as the panel is there, and loads it. */
export function connectPage<Message>(panel: vscode.WebviewPanel, page: PagePanel<Message>): void {
  const { host, isMessage, showError } = page;
  const scope = new DisposableStore();
  scope.add(
    panel.webview.onDidReceiveMessage((message: unknown) => {
      if (isMessage(message)) host.receive(message).catch(showError);
    }),
  );
  scope.add(
    panel.onDidChangeViewState(() => {
      if (!panel.visible) host.hidden();
      page.onViewState?.();
    }),
  );
  panel.onDidDispose(() => {
    scope.dispose();
    page.onDispose();
  });
  panel.iconPath = vscode.Uri.file(path.join(page.paths.mediaDir, `${page.name}.svg`));
  panel.webview.html = html(panel, page);
}

function html<Message>({ webview, title }: vscode.WebviewPanel, { name, paths }: PagePanel<Message>): string {
  const uriOf = (file: string): string =>
    webview.asWebviewUri(vscode.Uri.file(path.join(paths.pagesDir, file))).toString();
  return pageHtml({
    title,
    scriptUri: uriOf(`${name}.js`),
    styleUri: uriOf(`${name}.css`),
    cspSource: webview.cspSource,
    nonce: randomBytes(18).toString("base64url"),
    language: vscode.env.language,
    bundle: vscode.l10n.bundle,
  });
}
