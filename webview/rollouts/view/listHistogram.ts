import { t } from "@vscode/l10n";
import { element, setAttribute, whenChanged } from "../../dom.ts";
import { clamp } from "../geometry.ts";
import { columnLabel, countText, edgeText, rangeText } from "../list/columnText.ts";
import { binRange, coveredBins } from "../list/histogram.ts";
import type { Histogram, HistogramRow } from "../list/histogram.ts";
import { listHistogram } from "../list/listRows.ts";
import { toggleRange } from "../list/listState.ts";
import type { ColumnRange } from "../list/rowFilter.ts";
import type { Dispatch, View } from "./view.ts";

/** Counts of a column in bins: a bin that is pressed keeps its rollouts in the list, arrows go from bin to bin. */
export function createListHistogram(dispatch: Dispatch): View {
  const node = element("div", { class: "histograms" });
  let shown: Histogram | null = null;
  let ranges: readonly ColumnRange[] = [];

  node.addEventListener("click", (event) => {
    const bin = binOf(event.target);
    if (bin === null || shown === null) return;
    const next = toggleRange(ranges, binRange(shown, Number(bin.dataset["bin"])));
    dispatch({ kind: "listRanges", column: shown.column, ranges: next });
  });
  node.addEventListener("keydown", (event) => {
    const bin = binOf(event.target);
    const delta = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    const bins = [...(bin?.parentElement?.children ?? [])].filter((child) => child instanceof HTMLElement);
    if (bin === null || delta === undefined) return;
    event.preventDefault();
    const next = bins[clamp(bins.indexOf(bin) + delta, 0, bins.length - 1)];
    bin.tabIndex = -1;
    if (next === undefined) return;
    next.tabIndex = 0;
    next.focus();
  });

  const renderBins = whenChanged((histogram: Histogram | null) => {
    shown = histogram;
    const focused = binOf(document.activeElement)?.dataset["bin"];
    node.replaceChildren(...(histogram === null ? [] : histogram.rows.map((row) => rowNode(histogram, row))));
    if (focused !== undefined) node.querySelector<HTMLElement>(`[data-bin="${focused}"]`)?.focus();
  });
  const renderPressed = whenChanged((all: readonly ColumnRange[], histogram: Histogram | null) => {
    ranges = all.filter(({ column }) => column === histogram?.column);
    const covered = ranges.map((range) => (histogram === null ? null : coveredBins(histogram, range)));
    for (const bin of node.querySelectorAll<HTMLElement>(".bin")) {
      const index = Number(bin.dataset["bin"]);
      const isPressed = covered.some((range) => range !== null && index >= range.from && index < range.to);
      setAttribute(bin, "aria-pressed", String(isPressed));
    }
    node.classList.toggle("is-filtered", ranges.length > 0);
  });
  return {
    node,
    render: ({ list, selection }) => {
      if (!list.isOpen) return;
      const histogram = listHistogram(list, selection);
      renderBins(histogram);
      renderPressed(list.filter.ranges, histogram);
    },
  };
}

function rowNode(histogram: Histogram, row: HistogramRow): HTMLElement {
  const { column, edges, missing } = histogram;
  const name = columnLabel(column);
  const most = Math.max(1, ...row.counts);
  const bins = row.counts.map((count, index) => {
    const fill = element("span", { class: "bin-fill" });
    // Few must not look like none.
    fill.style.height = count === 0 ? "0" : `max(2px, ${(100 * count) / most}%)`;
    const label = `${name} ${rangeText(edges[index] ?? 0, edges[index + 1] ?? 0)}: ${countText(count)}`;
    const bin = element("button", { class: "bin", label, title: label, tabIndex: index === 0 ? 0 : -1 }, [fill]);
    bin.dataset["bin"] = String(index);
    return bin;
  });
  const low = edges[0] ?? 0;
  const high = edges.at(-1) ?? 0;
  const mean = row.mean === null ? t("no values") : t("mean {0}", Number(row.mean.toPrecision(3)));
  const none = missing > 0 ? t(", {0} without", countText(missing)) : "";
  return element("div", { class: "histogram" }, [
    row.dataset === null ? null : element("span", { class: "histogram-name", text: row.dataset }),
    element(
      "div",
      {
        class: "bins",
        role: "group",
        label: row.dataset === null ? t("Histogram of {0}", name) : t("Histogram of {0} of {1}", name, row.dataset),
      },
      bins,
    ),
    element("div", { class: "histogram-axis" }, [
      element("span", { text: edgeText(low) }),
      element("span", { text: `${mean}${none}` }),
      element("span", { text: edgeText(high) }),
    ]),
  ]);
}

function binOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>(".bin") : null;
}
