import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import { element, setHidden, whenChanged } from "../../dom.ts";
import { icon } from "../../icons.ts";
import type { GroupView } from "../groupModel.ts";
import { seenOf } from "../seen.ts";
import type { SeenView } from "../seen.ts";
import { shownGroup } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

/** What the policy saw: a line that unfolds to all facts and timestamps. What it cannot have seen is said in any case. */
export function createSeenView(dispatch: Dispatch): View {
  const summary = element("summary", { class: "seen-summary" });
  const facts = element("dl", { class: "seen-facts" });
  const times = element("ol", { class: "seen-times", label: t("Timestamps of the frames"), tabIndex: 0 });
  const fold = element("details", { class: "seen" }, [summary, facts, times]);
  const warnings = element("ul", { class: "problems", label: t("What the policy may have missed") });
  const node = element("div", { class: "seen-box" }, [warnings, fold]);
  fold.addEventListener("toggle", () => dispatch({ kind: "seenOpen", isOpen: fold.open }));

  const renderGroup = whenChanged((group: GroupView | null) => {
    const seen = group === null ? null : seenOf(group);
    setHidden(node, seen === null);
    if (seen === null || group === null) return;
    summary.replaceChildren(...summaryNodes(group));
    facts.replaceChildren(...seen.facts.flatMap(factNodes));
    times.replaceChildren(...seen.frames.map((frame) => timeNode(frame, dispatch)));
    setHidden(warnings, seen.warnings.length === 0);
    warnings.replaceChildren(
      ...seen.warnings.map((text) => element("li", { class: "problem" }, [icon("warning"), element("span", { text })])),
    );
  });
  return {
    node,
    render: (state) => {
      renderGroup(shownGroup(state));
      if (fold.open !== state.isSeenOpen) fold.open = state.isSeenOpen;
    },
  };
}

function summaryNodes({ record: { video } }: GroupView): readonly HTMLElement[] {
  if (video === null) return [];
  const name = video.path.split(/[\\/]/).at(-1) ?? video.path;
  const frames = t("{0} of {1} × {2} px", countOf(video.timestampsSec.length, "frame"), video.widthPx, video.heightPx);
  const text = [name, frames, countOf(video.visualTokens, "visualToken")].join(" · ");
  return [element("span", { class: "frame-facts", text, title: t("What the policy saw") })];
}

function factNodes({ name, value }: SeenView["facts"][number]): readonly HTMLElement[] {
  return [element("dt", { text: name }), element("dd", { text: value })];
}

function timeNode({ index, frameIndex, timestampSec, isInTruth }: SeenView["frames"][number], dispatch: Dispatch) {
  const title = t(
    "Frame {0}{1}{2}",
    index + 1,
    frameIndex === null ? "" : t(", number {0} in the file", frameIndex),
    isInTruth ? t(", in the truth") : "",
  );
  const button = element("button", { class: "text-link", text: `${timestampSec.toFixed(3)} s`, title });
  button.addEventListener("click", () => dispatch({ kind: "seek", timeSec: timestampSec }));
  return element("li", { class: isInTruth ? "in-truth" : "" }, [button]);
}
