import { t } from "@vscode/l10n";
import { element } from "../../dom.ts";
import { consensusOf } from "../consensus.ts";
import type { EvidenceRole, EvidenceView } from "../evidence.ts";
import { formatSegments } from "../format.ts";
import type { GroupView } from "../groupModel.ts";
import { placeSegment } from "./lane.ts";

/** Rows of the timeline that belong to no completion alone. */

/** How much of the group agrees at each time; null where that says nothing. */
export function createConsensusBand(group: GroupView): HTMLElement | null {
  const pieces = group.completions.length > 1 ? consensusOf(group) : [];
  if (pieces.length === 0) return null;
  const marks = pieces.map(({ segment, share, text }) => {
    const mark = element("div", { class: "consensus-piece", title: text });
    mark.style.setProperty("--share", `${Math.round(100 * share)}%`);
    placeSegment(mark, segment, group.durationSec);
    return mark;
  });
  const most = pieces.reduce((best, piece) => (piece.share > best.share ? piece : best));
  return element(
    "div",
    { class: "timeline-row consensus-band", role: "img", label: t("Consensus, at most: {0}", most.text) },
    [
      element("span", { class: "lane-name", text: t("All") }),
      element("div", { class: "track" }, marks),
      element("span", { class: "lane-value" }),
    ],
  );
}

const roleNames: Readonly<Record<EvidenceRole, string>> = {
  truth: t("truth"),
  answer: t("answer"),
  shared: t("shared"),
};

/** A value of a stopped reward function: truth, answer and what they share lie over one another. */
export function createEvidenceLane(evidence: EvidenceView, group: GroupView): HTMLElement {
  const marks = evidence.segments.map(({ role, segment }) => {
    const title = `${roleNames[role]}: ${formatSegments([segment])}`;
    const mark = element("div", { class: `evidence-bar evidence-${role}`, title });
    placeSegment(mark, segment, group.durationSec);
    return mark;
  });
  return element(
    "div",
    {
      class: "timeline-row evidence-lane",
      role: "img",
      label: t("Debugger, rollout {0}: {1}", evidence.completion.k + 1, evidence.text),
    },
    [
      element("span", { class: "lane-name evidence-name", text: t("Debug") }),
      element("div", { class: "track" }, marks),
      element("span", { class: "lane-value" }),
      element("span", { class: "evidence-text", text: evidence.text, title: evidence.text }),
    ],
  );
}
