import { t } from "@vscode/l10n";
import { viewerActions, type ViewerAction } from "../protocol/view.ts";
import type { Shortcut } from "../protocol/viewerQueries.ts";
import type { CommandRow } from "./commands.ts";

export type ViewerCommandId = `videoRft.viewer.${ViewerAction}`;

interface ViewerCommandRow extends CommandRow {
  readonly key: string;
  /** Heading of the cheat sheet that it stands under. */
  readonly section: string;
}

const row = (section: string, title: string, key: string) =>
  ({ section, title, key, needsEngine: false }) as const satisfies ViewerCommandRow;

const go = t("Go to");
const play = t("Play");
const look = t("Look closer");
const find = t("Find and compare");
const edit = t("What if");

/** Commands that act on the viewer page, in the order of the cheat sheet; a missing row is a compile error. */
export const viewerCommandTable = {
  "videoRft.viewer.nextRollout": row(go, t("Next Rollout"), "n"),
  "videoRft.viewer.previousRollout": row(go, t("Previous Rollout"), "p"),
  "videoRft.viewer.nextGroup": row(go, t("Next Group"), "g"),
  "videoRft.viewer.previousGroup": row(go, t("Previous Group"), "shift+g"),
  "videoRft.viewer.nextStep": row(go, t("Next Step"), "shift+n"),
  "videoRft.viewer.previousStep": row(go, t("Previous Step"), "shift+p"),
  "videoRft.viewer.firstStep": row(go, t("First Step"), "shift+home"),
  "videoRft.viewer.lastStep": row(go, t("Last Step"), "shift+end"),
  "videoRft.viewer.followLatest": row(go, t("Follow the Latest Step"), "f"),
  "videoRft.viewer.playPause": row(play, t("Play or Pause"), "space"),
  "videoRft.viewer.loopSegment": row(play, t("Loop Segment"), "r"),
  "videoRft.viewer.nextFrame": row(play, t("Next Frame"), "."),
  "videoRft.viewer.previousFrame": row(play, t("Previous Frame"), ","),
  "videoRft.viewer.firstFrame": row(play, t("First Frame"), "home"),
  "videoRft.viewer.lastFrame": row(play, t("Last Frame"), "end"),
  "videoRft.viewer.forward": row(play, t("Forward 1 Second"), "right"),
  "videoRft.viewer.back": row(play, t("Back 1 Second"), "left"),
  "videoRft.viewer.forwardFar": row(play, t("Forward 5 Seconds"), "shift+right"),
  "videoRft.viewer.backFar": row(play, t("Back 5 Seconds"), "shift+left"),
  "videoRft.viewer.nextEdge": row(play, t("Next Segment Edge"), "]"),
  "videoRft.viewer.previousEdge": row(play, t("Previous Segment Edge"), "["),
  "videoRft.viewer.seekToPredictionStart": row(play, t("Go to Start of Prediction"), "s"),
  "videoRft.viewer.seekToTruthStart": row(play, t("Go to Start of Truth"), "t"),
  "videoRft.viewer.toggleReasoning": row(look, t("Fold or Unfold Reasoning"), "e"),
  "videoRft.viewer.toggleTokens": row(look, t("Show or Hide Tokens"), "w"),
  "videoRft.viewer.nextShading": row(look, t("Next Token Shading"), "shift+w"),
  "videoRft.viewer.toggleBoxes": row(look, t("Show or Hide the Boxes of All Rollouts"), "b"),
  "videoRft.viewer.toggleSeen": row(look, t("Show or Hide What the Policy Saw"), "v"),
  "videoRft.viewer.toggleList": row(find, t("Show or Hide the Rollout List"), "l"),
  "videoRft.viewer.search": row(find, t("Search Rollouts"), "/"),
  "videoRft.viewer.nextListed": row(find, t("Next Rollout of the List"), "j"),
  "videoRft.viewer.previousListed": row(find, t("Previous Rollout of the List"), "k"),
  "videoRft.viewer.compare": row(find, t("Compare with Another Step or Run"), "c"),
  "videoRft.viewer.nextCompared": row(find, t("Compare with a Later Step"), "shift+]"),
  "videoRft.viewer.previousCompared": row(find, t("Compare with an Earlier Step"), "shift+["),
  "videoRft.viewer.editCompletion": row(edit, t("Edit Completion"), "i"),
  "videoRft.viewer.undoEdit": row(edit, t("Undo Edit of Completion"), "u"),
  "videoRft.viewer.resetEdits": row(edit, t("Take Back All Edits of the Group"), "shift+u"),
  "videoRft.viewer.copyLink": row(find, t("Copy Link to Rollout"), "y"),
  "videoRft.viewer.showShortcuts": row(look, t("Show Keyboard Shortcuts"), "shift+/"),
} as const satisfies Readonly<Record<ViewerCommandId, ViewerCommandRow>>;

export function viewerCommandId(action: ViewerAction): ViewerCommandId {
  return `videoRft.viewer.${action}`;
}

/** Rows of the cheat sheet. VS Code does not tell an extension which keys the user has chosen instead. */
export function viewerShortcuts(isMac: boolean): readonly Shortcut[] {
  return viewerActions.map((action) => {
    const { section, title, key } = viewerCommandTable[viewerCommandId(action)];
    return { section, title, key: keyText(key, isMac) };
  });
}

/** "shift+/" as it is typed: "?"; "shift+right" as it is printed: "Shift+→". */
export function keyText(key: string, isMac: boolean): string {
  const typed: Readonly<Record<string, string>> = { "shift+/": "?", "shift+]": "}", "shift+[": "{" };
  const known = typed[key];
  if (known !== undefined) return known;
  const names: Readonly<Record<string, string>> = {
    shift: isMac ? "⇧" : t("Shift"),
    right: "→",
    left: "←",
    home: t("Home"),
    end: t("End"),
    space: t("Space"),
  };
  const parts = key.split("+").map((part) => names[part] ?? part.toUpperCase());
  return parts.join(isMac ? "" : "+");
}
