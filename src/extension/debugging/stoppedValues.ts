import * as vscode from "vscode";
import type { ViewerEvidence } from "../../protocol/view.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { rewardLanguages } from "../rewards/rewardFiles.ts";
import { expressionAt, jsonExpression, stoppedValue, unquote } from "./stoppedValue.ts";

/**
 * While a reward function is stopped, what the pointer rests on is drawn in the viewer. VS Code shows the debugger's own
 * hover then and no other, but it asks providers of evaluatable expressions for what it is to evaluate: that is where the
 * pointer is learned from.
 */
export class StoppedValues implements vscode.EvaluatableExpressionProvider, Disposable {
  /** Run folder of each session of ours. */
  private readonly sessions = new Map<string, string>();
  private readonly show: (runDir: string, evidence: ViewerEvidence | null) => void;
  private readonly scope = new DisposableStore();

  /** `show` gets null when nothing of a run is stopped any more. */
  constructor(show: (runDir: string, evidence: ViewerEvidence | null) => void) {
    this.show = show;
    const selector = rewardLanguages.map((language) => ({ language, scheme: "file" }));
    this.scope.add(vscode.languages.registerEvaluatableExpressionProvider(selector, this));
    this.scope.add(
      vscode.debug.onDidTerminateDebugSession((session) => {
        const runDir = this.sessions.get(session.id);
        this.sessions.delete(session.id);
        if (runDir !== undefined && ![...this.sessions.values()].includes(runDir)) this.show(runDir, null);
      }),
    );
  }

  /** A session that replays rollouts of a run; js-debug does its work in a child of it. */
  follow(session: vscode.DebugSession, runDir: string): void {
    this.sessions.set(session.id, runDir);
  }

  provideEvaluatableExpression(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): vscode.EvaluatableExpression | undefined {
    const found = expressionAt(document.lineAt(position.line).text, position.character);
    if (found === undefined) return undefined;
    void this.drawn(found.text, document.languageId === "python");
    const range = new vscode.Range(position.line, found.start, position.line, found.end);
    return new vscode.EvaluatableExpression(range, found.text);
  }

  dispose(): void {
    this.scope.dispose();
  }

  private async drawn(expression: string, isPython: boolean): Promise<void> {
    const frame = vscode.debug.activeStackItem;
    if (!(frame instanceof vscode.DebugStackFrame)) return;
    const runDir = this.sessions.get(frame.session.id);
    if (runDir === undefined) return;
    try {
      const text = await evaluate(frame, jsonExpression(expression, isPython));
      const value = stoppedValue(JSON.parse(unquote(text)), expression);
      if (value === undefined) return;
      const ids = unquote(await evaluate(frame, isPython ? "videoRftRollout" : "globalThis.videoRftRollout")).split(
        " ",
      );
      const isTruth = /truth|solution|target|gt|gold|label/i.test(expression);
      this.show(runDir, { id: ids[0] ?? "", label: expression, isTruth, value });
    } catch {
      // A name that is not there, a value that is no JSON: nothing to draw, and the hover says what it is.
    }
  }
}

async function evaluate({ session, frameId }: vscode.DebugStackFrame, expression: string): Promise<string> {
  const answer: unknown = await session.customRequest("evaluate", { expression, frameId, context: "clipboard" });
  const isAnswer = typeof answer === "object" && answer !== null && "result" in answer;
  return isAnswer ? String(answer.result) : "";
}
