import * as vscode from "vscode";
import { serviceProgress, type ServiceTask } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";

/** Shows a long piece of the engine's work with its progress; *Cancel* cancels the request. */
export function withEngineProgress<T>(
  engine: Engine,
  work: { readonly task: ServiceTask; readonly title: string },
  run: (token: vscode.CancellationToken) => Promise<T>,
): Thenable<T> {
  const options = { location: vscode.ProgressLocation.Notification, title: work.title, cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    let shownPercent = 0;
    const subscription = engine.on(serviceProgress, ({ task, done, total, message }) => {
      if (task !== work.task) return;
      const percent = total > 0 ? Math.min(100, (100 * done) / total) : shownPercent;
      progress.report({ message, increment: Math.max(0, percent - shownPercent) });
      shownPercent = Math.max(shownPercent, percent);
    });
    try {
      return await run(token);
    } finally {
      subscription.dispose();
    }
  });
}
