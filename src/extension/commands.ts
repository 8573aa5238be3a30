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
  "videoRft.startRun": { title: "Start RFT Run", needsEngine: true, needsTrust: true, icon: "$(play)" },
  "videoRft.stopRun": { title: "Stop Run", needsEngine: false, icon: "$(debug-stop)" },
  "videoRft.resumeRun": { title: "Resume Run", needsEngine: true, needsTrust: true, icon: "$(debug-continue)" },
  "videoRft.openRollouts": { title: "Open Rollouts", needsEngine: false, icon: "$(preview)" },
  "videoRft.openDashboard": { title: "Open Dashboard", needsEngine: false, icon: "$(graph-line)" },
  "videoRft.importRollouts": { title: "Import Rollouts of Another Trainer…", needsEngine: true },
  "videoRft.tryDemo": { title: "Try the Demo", needsEngine: true },
  "videoRft.showEngineLog": { title: "Show Engine Log", needsEngine: false },
  "videoRft.showRunLog": { title: "Show Run Log", needsEngine: false },
  "videoRft.doctor": { title: "Doctor", needsEngine: true },
  "videoRft.fetchFfmpeg": { title: "Fetch ffmpeg", needsEngine: true },
  "videoRft.restartEngine": { title: "Restart Engine", needsEngine: false },
  "videoRft.refreshRuns": { title: "Refresh Runs", needsEngine: false, icon: "$(refresh)" },
  "videoRft.openRunFolder": { title: "Open Run Folder", needsEngine: false },
  "videoRft.copyRunFolderPath": { title: "Copy Run Folder Path", needsEngine: false },
  "videoRft.newReward": { title: "New Reward…", needsEngine: false, icon: "$(add)" },
  "videoRft.scoreRollouts": { title: "Score Rollouts with This Reward", needsEngine: true, needsTrust: true },
  "videoRft.cancelScoring": { title: "Stop Scoring", needsEngine: false, ofRow: true },
  "videoRft.acceptScores": { title: "Accept Scores", needsEngine: true },
  "videoRft.showScoreChanges": { title: "Show Changed Rollouts", needsEngine: true },
  "videoRft.showScoreProblem": { title: "Show Why It Cannot Be Scored", needsEngine: false, ofRow: true },
  "videoRft.showRollouts": { title: "Show Rollouts", needsEngine: true, ofRow: true },
  "videoRft.debugReward": {
    title: "Debug Reward on This Rollout",
    needsEngine: true,
    needsTrust: true,
    icon: "$(debug-alt)",
  },
  "videoRft.debugRewardWhere": { title: "Debug Reward Where…", needsEngine: true, needsTrust: true },
  "videoRft.pinCase": { title: "Pin Rollout as Test", needsEngine: true, icon: "$(pin)", ofRow: true },
  "videoRft.openRolloutText": { title: "Open Rollout as Text", needsEngine: true },
  "videoRft.compareRollouts": { title: "Compare Rollout with…", needsEngine: true },
  "videoRft.copyRolloutLink": { title: "Copy Rollout Link", needsEngine: false, ofRow: true },
  "videoRft.goToRollout": { title: "Go to Rollout…", needsEngine: true },
  "videoRft.explainDiagnostic": { title: "Explain Finding…", needsEngine: false },
  ...viewerCommandTable,
} as const satisfies Readonly<Record<`videoRft.${string}`, CommandRow>>;

export type CommandId = keyof typeof commandTable;

/** Context keys that the manifest's `when` clauses read. */
export const contextKeys = {
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

/** `contributes.commands` of package.json. */
export function contributedCommands(): readonly ContributedCommand[] {
  return rows().map(([command, row]) => ({
    command,
    title: row.title,
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
