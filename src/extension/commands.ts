import { t } from "@vscode/l10n";
import { viewerCommandTable } from "./viewerCommands.ts";

/**
 * Every command of the extension. package.json contributes exactly these rows (test/extension/manifest.test.ts).
 * `needsEngine`: the handler gets a running engine; without one the user is told why.
 * `needsTrust`: executes something of the workspace, so it is off in Restricted Mode.
 * `key`: acts on the viewer page, and only while the page has the focus.
 * `ofRow`: needs the argument that a row, a lens or a link gives it, so the palette does not list it.
 */
export interface CommandRow {
  readonly title: string;
  readonly needsEngine: boolean;
  readonly needsTrust?: true;
  readonly icon?: string;
  readonly key?: string;
  readonly ofRow?: true;
}

export const commandCategory = "RFT";

export const commandTable = {
  "videoRft.startRun": { title: t("Start RFT Run"), needsEngine: true, needsTrust: true, icon: "$(play)" },
  "videoRft.stopRun": { title: t("Stop Run"), needsEngine: false, icon: "$(debug-stop)" },
  "videoRft.resumeRun": { title: t("Resume Run"), needsEngine: true, needsTrust: true, icon: "$(debug-continue)" },
  "videoRft.openRollouts": { title: t("Open Rollouts"), needsEngine: false, icon: "$(preview)" },
  "videoRft.openDashboard": { title: t("Open Dashboard"), needsEngine: false, icon: "$(graph-line)" },
  "videoRft.openEvaluationReport": { title: t("Open Evaluation Report"), needsEngine: true, icon: "$(graph)" },
  "videoRft.chat": { title: t("Chat with Checkpoint…"), needsEngine: true, icon: "$(comment-discussion)" },
  "videoRft.importRollouts": { title: t("Import Rollouts of Another Trainer…"), needsEngine: true },
  "videoRft.tryDemo": { title: t("Try the Demo"), needsEngine: true },
  "videoRft.showEngineLog": { title: t("Show Engine Log"), needsEngine: false },
  "videoRft.showRunLog": { title: t("Show Run Log"), needsEngine: false },
  "videoRft.doctor": { title: t("Doctor"), needsEngine: true },
  "videoRft.fetchFfmpeg": { title: t("Fetch ffmpeg"), needsEngine: true },
  "videoRft.restartEngine": { title: t("Restart Engine"), needsEngine: false },
  "videoRft.refreshRuns": { title: t("Refresh Runs"), needsEngine: false, icon: "$(refresh)" },
  "videoRft.openRunFolder": { title: t("Open Run Folder"), needsEngine: false },
  "videoRft.copyRunFolderPath": { title: t("Copy Run Folder Path"), needsEngine: false },
  "videoRft.newSpec": { title: t("New Run Specification…"), needsEngine: false },
  "videoRft.newReward": { title: t("New Reward…"), needsEngine: false, icon: "$(add)" },
  "videoRft.scoreRollouts": { title: t("Score Rollouts with This Reward"), needsEngine: true, needsTrust: true },
  "videoRft.cancelScoring": { title: t("Stop Scoring"), needsEngine: false, ofRow: true },
  "videoRft.acceptScores": { title: t("Accept Scores"), needsEngine: true },
  "videoRft.showScoreChanges": { title: t("Show Changed Rollouts"), needsEngine: true },
  "videoRft.showScoreProblem": { title: t("Show Why It Cannot Be Scored"), needsEngine: false, ofRow: true },
  "videoRft.showRollouts": { title: t("Show Rollouts"), needsEngine: true, ofRow: true },
  "videoRft.debugReward": {
    title: t("Debug Reward on This Rollout"),
    needsEngine: true,
    needsTrust: true,
    icon: "$(debug-alt)",
  },
  "videoRft.debugRewardWhere": { title: t("Debug Reward Where…"), needsEngine: true, needsTrust: true },
  "videoRft.pinCase": { title: t("Pin Rollout as Test"), needsEngine: true, icon: "$(pin)", ofRow: true },
  "videoRft.openRolloutText": { title: t("Open Rollout as Text"), needsEngine: true },
  "videoRft.compareRollouts": { title: t("Compare Rollout with…"), needsEngine: true },
  "videoRft.copyRolloutLink": { title: t("Copy Rollout Link"), needsEngine: false, ofRow: true },
  "videoRft.goToRollout": { title: t("Go to Rollout…"), needsEngine: true },
  "videoRft.explainDiagnostic": { title: t("Explain Finding…"), needsEngine: false },
  ...viewerCommandTable,
} as const satisfies Readonly<Record<`videoRft.${string}`, CommandRow>>;

export type CommandId = keyof typeof commandTable;

/** Context keys that the manifest's `when` clauses read. */
export const contextKeys = {
  active: "videoRft.active",
  viewerFocused: "videoRft.viewerFocused",
  ffmpegMissing: "videoRft.ffmpegMissing",
} as const;

/** VS Code sets the first key late when trust is switched off altogether; handlers ask for trust once more. */
export const trustCondition = "isWorkspaceTrusted || !isWorkspaceTrustEnabled";

/** Keys act on the page only: not while a box is typed in, and not while a list or another part has the focus. */
const viewerKeyCondition =
  "videoRft.viewerFocused && !inputFocus && !listFocus && !sideBarFocus && !panelFocus && !auxiliaryBarFocus";

interface ContributedCommand {
  readonly command: string;
  readonly title: string;
  readonly category: string;
  readonly icon?: string;
  readonly enablement?: string;
}

/** Key of a command's title in package.nls.json. */
export function titleKey(command: string): string {
  return command.replace(/^videoRft/, "command");
}

/** `contributes.commands` of package.json. */
export function contributedCommands(): readonly ContributedCommand[] {
  return rows().map(([command, row]) => ({
    command,
    title: `%${titleKey(command)}%`,
    category: commandCategory,
    ...(row.icon === undefined ? {} : { icon: row.icon }),
    ...(row.needsTrust === undefined ? {} : { enablement: trustCondition }),
    ...(row.key === undefined ? {} : { enablement: contextKeys.viewerFocused }),
  }));
}

/** `contributes.menus.commandPalette` of package.json. */
export function hiddenFromPalette(): readonly { command: string; when: string }[] {
  return rows().flatMap(([command, row]) => (row.ofRow === undefined ? [] : [{ command, when: "false" }]));
}

/** `contributes.keybindings` of package.json. */
export function contributedKeybindings(): readonly { command: string; key: string; when: string }[] {
  return rows().flatMap(([command, row]) =>
    row.key === undefined ? [] : [{ command, key: row.key, when: viewerKeyCondition }],
  );
}

function rows(): readonly (readonly [string, CommandRow])[] {
  return Object.entries<CommandRow>(commandTable);
}
