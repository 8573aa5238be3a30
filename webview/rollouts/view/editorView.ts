import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import type { CompletionRecord, GroupRecord } from "../../../src/protocol/records.ts";
import { iconButton, textButton } from "../../controls.ts";
import { element, setHidden, setText, whenChanged } from "../../dom.ts";
import { isPending } from "../edit/editState.ts";
import type { GroupEdits } from "../edit/editState.ts";
import { formatNumber, formatSigned } from "../format.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { recordedGroup, shownCompletion, shownEdits, shownGroup } from "../state.ts";
import { createInspector } from "./inspector.ts";
import type { Dispatch, View } from "./view.ts";

/** What if: the selected completion's text to write over, and what that does to the rewards of the group. */
export function createEditorView(dispatch: Dispatch): View {
  const panel = createInspector("editor-panel", t("What if"), () => dispatch({ kind: "editing", isEditing: false }));
  const undo = iconButton("undo", t("Undo the last edit"), () => dispatch({ kind: "action", action: "undoEdit" }));
  const reset = textButton(t("Take back all"), "secondary", () => dispatch({ kind: "action", action: "resetEdits" }));
  panel.tools.append(undo.node, reset.node);
  const field = element("textarea", { class: "edit-text", attributes: { spellcheck: "false", rows: "5" } });
  const change = element("ul", { class: "edit-changes", label: t("Changed rewards") });
  const status = element("p", { class: "panel-hint", role: "status" });
  panel.body.append(field, change, status);
  let completion = 0;
  let gesture = 0;
  field.addEventListener("focus", () => (gesture += 1));
  field.addEventListener("input", () =>
    dispatch({ kind: "editText", completion, gesture: `text ${completion} ${gesture}`, text: field.value }),
  );

  const renderText = whenChanged((shown: CompletionView) => {
    completion = shown.k;
    field.setAttribute("aria-label", t("Text of rollout {0}", shown.k + 1));
    // While it is typed in, the field is ahead of the state that follows from it.
    if (field.value !== shown.record.text) field.value = shown.record.text;
  });
  const renderChanges = whenChanged((group: GroupView, record: GroupRecord, edits: GroupEdits | null) => {
    const changed = group.completions.flatMap(({ record: edited }, k) => {
      const recorded = record.completions[k];
      return recorded === undefined ? [] : (changeOf(recorded, edited, k, edits?.texts.has(k) ?? false) ?? []);
    });
    change.replaceChildren(...changed.map((text) => element("li", { text })));
    setHidden(change, changed.length === 0);
    setText(status, statusOf(edits));
    undo.setEnabled((edits?.past.length ?? 0) > 0);
    reset.setEnabled((edits?.texts.size ?? 0) > 0);
  });
  return {
    node: panel.node,
    render: (state) => {
      const [group, record, shown] = [shownGroup(state), recordedGroup(state), shownCompletion(state)];
      const isShown = state.isEditing && group !== null && record !== null && shown !== null;
      const wasShown = !panel.node.hidden;
      panel.setShown(isShown);
      if (!isShown) return;
      panel.setTitle(t("What if rollout {0} said", shown.k + 1));
      renderText(shown);
      renderChanges(group, record, shownEdits(state));
      if (!wasShown) field.focus();
    },
  };
}

/** "Rollout 3 (edited): reward 1.22 → 1.80, advantage +0.30 → +0.90"; null where nothing has changed. */
function changeOf(before: CompletionRecord, after: CompletionRecord, k: number, isEdited: boolean): string[] | null {
  const arrow = (name: string, from: string, to: string): string[] => (from === to ? [] : [`${name} ${from} → ${to}`]);
  const reward = (value: number | null): string => (value === null ? t("dropped") : formatNumber(value));
  const changes = [
    ...arrow(t("reward"), reward(before.reward), reward(after.reward)),
    ...arrow(t("advantage"), formatSigned(before.advantage), formatSigned(after.advantage)),
  ];
  if (changes.length === 0) return isEdited ? [t("Rollout {0} (edited): the same reward", k + 1)] : null;
  return [
    isEdited
      ? t("Rollout {0} (edited): {1}", k + 1, changes.join(", "))
      : t("Rollout {0}: {1}", k + 1, changes.join(", ")),
  ];
}

function statusOf(edits: GroupEdits | null): string {
  if (edits === null || edits.texts.size === 0) {
    return t("Write, or drag the segment on the timeline or the box on the frame. Nothing is saved.");
  }
  if (edits.problem !== null) return edits.problem;
  const count = t("{0} edited", countOf(edits.texts.size, "completion"));
  return isPending(edits) ? t("{0}. Scoring…", count) : t("{0}. Nothing is saved.", count);
}
