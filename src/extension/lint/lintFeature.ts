import type * as vscode from "vscode";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { SpecDiagnostics } from "../spec/specDiagnostics.ts";
import { DataFindings } from "./dataFindings.ts";
import { explainDiagnostic } from "./explain.ts";
import { Findings } from "./findings.ts";
import { RunFindings } from "./runFindings.ts";

export interface LintServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly log: vscode.LogOutputChannel;
  readonly extensionDir: string;
  /** Run of the viewer in front, or of one that can be seen. */
  readonly activeRunDir: () => string | undefined;
}

/** What the linter finds in specifications, their data and their runs: problems, quick fixes and explanations. */
export class LintFeature implements Disposable {
  readonly specs: SpecDiagnostics;
  readonly handlers: Pick<CommandHandlers, "videoRft.explainDiagnostic">;
  private readonly scope = new DisposableStore();

  constructor(services: LintServices) {
    const { engine, log, extensionDir } = services;
    const findings = this.scope.add(new Findings());
    this.specs = this.scope.add(new SpecDiagnostics(engine, findings, log));
    this.scope.add(new DataFindings({ engine, findings, log }));
    this.scope.add(new RunFindings({ ...services, findings }));
    this.handlers = { "videoRft.explainDiagnostic": (argument) => explainDiagnostic(extensionDir, argument) };
  }

  dispose(): void {
    this.scope.dispose();
  }
}
