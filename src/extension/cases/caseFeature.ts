import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandHandlers } from "../commandRegistration.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { runDirOf } from "../runs/runCommands.ts";
import { CaseTests, type CaseServices } from "./caseTests.ts";
import { pinCase, type PinServices } from "./pinCase.ts";

/** Pinned rollouts as tests of rewards. */
export class CaseFeature implements Disposable {
  private readonly services: CaseServices & PinServices;
  private readonly scope = new DisposableStore();

  readonly handlers: Pick<CommandHandlers, "videoRft.pinCase"> = {
    "videoRft.pinCase": (_engine, argument) => this.pin(argument),
  };

  constructor(services: CaseServices & PinServices) {
    this.services = services;
    this.scope.add(new CaseTests(services));
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** The viewer gives a rollout, the Rewards view a rollout and its reward. */
  private async pin(argument: unknown): Promise<void> {
    const runDir = runDirOf(argument);
    const isRow =
      typeof argument === "object" && argument !== null && "id" in argument && typeof argument.id === "string";
    if (runDir === undefined || !isRow) {
      void vscode.window.showInformationMessage(
        t("Choose a rollout in the viewer or in the Rewards view, and pin it there."),
      );
      return;
    }
    const reward = "reward" in argument && typeof argument.reward === "string" ? argument.reward : undefined;
    await pinCase(this.services, { runDir, id: String(argument.id), reward });
  }
}
