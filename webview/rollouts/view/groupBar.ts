import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { RolloutLine } from "../../../src/protocol/records.ts";
import { dropdown, iconButton } from "../../controls.ts";
import { element, setText, setTitle, whenChanged } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { formatNumber, taskLabels } from "../format.ts";
import type { GroupView } from "../groupModel.ts";
import { shownEdits, shownGroup, shownLine } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

/** The choice of the prompt, its question, and the health of its group. */
export function createGroupBar(dispatch: Dispatch): View {
  const previous = iconButton("chevronLeft", t("Previous prompt"), () => act("previousGroup"));
  const next = iconButton("chevronRight", t("Next prompt"), () => act("nextGroup"));
  const choice = dropdown(t("Prompt"), (value) => dispatch({ kind: "selectGroup", group: Number(value) }));
  choice.node.classList.add("group-choice");
  const question = element("h2", { class: "question" });
  const facts = element("p", { class: "facts" });
  const stats = element("p", { class: "group-stats" });
  const node = element("section", { class: "group-bar", label: t("Prompt") }, [
    element("div", { class: "group-nav" }, [
      element("span", { class: "step-word", text: t("Prompt"), attributes: { "aria-hidden": "true" } }),
      previous.node,
      choice.node,
      next.node,
    ]),
    element("div", { class: "group-text" }, [question, element("div", { class: "group-meta" }, [facts, stats])]),
  ]);

  const renderChoice = whenChanged((groups: readonly RolloutLine[] | null, line: RolloutLine | null) => {
    const items = (groups ?? []).map((item, index) => ({
      value: String(item.group),
      label: t("{0} of {1} · {2}", index + 1, groups?.length ?? 0, lineLabel(item)),
    }));
    choice.setItems(items, String(line?.group ?? ""));
    const index = (groups ?? []).findIndex((item) => item.group === line?.group);
    previous.setEnabled(index > 0);
    next.setEnabled(index >= 0 && index < items.length - 1);
  });
  const renderLine = whenChanged((line: RolloutLine | null, group: GroupView | null, edited: number) => {
    node.hidden = line === null;
    if (line === null) return;
    setText(question, group?.record.question ?? t("{0} could not be rolled out", line.exampleId));
    setTitle(question, group?.record.prompt ?? "");
    setText(facts, `${taskLabels[line.task]} · ${line.datasetId} · ${line.exampleId}`);
    stats.hidden = group === null;
    stats.replaceChildren(...(group === null ? [] : statsOf(group, edited)));
  });
  return {
    node,
    render: (state) => {
      renderChoice(state.loaded?.groups ?? null, shownLine(state));
      renderLine(shownLine(state), shownGroup(state), shownEdits(state)?.texts.size ?? 0);
    },
  };

  function act(action: "previousGroup" | "nextGroup"): void {
    dispatch({ kind: "action", action });
  }
}

function lineLabel(line: RolloutLine): string {
  if (isFailedGroup(line)) return t("{0} · failed · {1}", line.datasetId, line.exampleId);
  return `${line.datasetId} · ${formatNumber(line.rewardMean)} ± ${formatNumber(line.rewardStd)} · ${line.question}`;
}

function statsOf(group: GroupView, edited: number): readonly HTMLElement[] {
  const { rewardMean, rewardStd } = group.record;
  const mean = element("span", {
    class: "stat",
    text: t("Reward {0} ± {1}", formatNumber(rewardMean), formatNumber(rewardStd)),
    title: t("Mean and standard deviation (unbiased) of the group"),
  });
  const flag = (text: string, title: string): HTMLElement =>
    element("span", { class: "flag", title }, [icon("warning"), element("span", { text })]);
  return [
    mean,
    ...(group.isZeroVariance
      ? [flag(t("All rewards equal: no gradient"), t("Every advantage is 0, so this prompt teaches nothing."))]
      : []),
    ...(edited > 0
      ? [
          flag(
            t("What if: {0} edited", countOf(edited, "completion")),
            t("Not what the policy said. Nothing is saved."),
          ),
        ]
      : []),
  ];
}
