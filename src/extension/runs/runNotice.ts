import { t } from "@vscode/l10n";
import { errorText } from "../errorText.ts";
import type { TrackedRun } from "./runView.ts";
import { displayStatus, isGoingOn, rewardText, stepText } from "./runView.ts";

export type NoticeAction = "showRollouts" | "showLog" | "resume";

export interface RunNotice {
  readonly kind: "end" | "failure";
  readonly runDir: string;
  readonly message: string;
  readonly actions: readonly NoticeAction[];
}

/**
 * What to tell the user when a run has changed: only that it has ended or failed, and only of a run that was seen going
 * on in this window. A run that the user stopped needs no message.
 */
export function runNotice(before: TrackedRun | undefined, after: TrackedRun): RunNotice | undefined {
  if (before === undefined || !isGoingOn(before) || isGoingOn(after)) return undefined;
  const { runDir, name, state } = after.summary;
  const reward = rewardText(after);
  switch (displayStatus(after)) {
    case "finished":
      return {
        kind: "end",
        runDir,
        message: t(
          "Run {0} has finished: {1}.",
          name,
          [stepText(after), reward].filter((part) => part !== undefined).join(", "),
        ),
        actions: ["showRollouts", "showLog"],
      };
    case "failed":
      return {
        kind: "failure",
        runDir,
        message:
          state.error === undefined
            ? t("Run {0} failed at {1}.", name, stepText(after))
            : t("Run {0} failed at {1}: {2}", name, stepText(after), errorText(state.error)),
        actions: ["showLog", "showRollouts"],
      };
    case "crashed":
      return {
        kind: "failure",
        runDir,
        message: t("Run {0} crashed at {1}. It can go on from its last checkpoint.", name, stepText(after)),
        actions: ["resume", "showLog"],
      };
    default:
      return undefined;
  }
}
