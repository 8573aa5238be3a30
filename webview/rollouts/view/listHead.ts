import { t } from "@vscode/l10n";
import { element } from "../../dom.ts";
import { columnLabel } from "../list/columnText.ts";
import type { RowSort } from "../list/rowFilter.ts";

/** Headings of the list: each sorts by its column, and turns the order when it does already. */
export function setHeads(
  head: HTMLElement,
  columns: readonly string[],
  sort: RowSort,
  onSort: (column: string) => void,
): void {
  const heading = (column: string, className: string): HTMLElement => {
    const isSorted = sort.column === column;
    const arrow = isSorted ? (sort.isDescending ? " ↓" : " ↑") : "";
    const name = column === "advantage" ? t("Adv.") : columnLabel(column);
    const button = element("button", {
      class: "list-sort",
      text: `${name}${arrow}`,
      title: t("Sort by {0}", columnLabel(column).toLowerCase()),
    });
    button.addEventListener("click", () => onSort(column));
    const order = isSorted ? (sort.isDescending ? "descending" : "ascending") : "none";
    return element("span", { class: className, role: "columnheader", attributes: { "aria-sort": order } }, [button]);
  };
  const [step = "step", ...values] = columns;
  const focused = document.activeElement?.closest(".list-head") === head ? document.activeElement?.textContent : null;
  head.replaceChildren(
    heading(step, "list-step"),
    element("span", { class: "list-prompt-cell", role: "columnheader", text: t("Prompt · rollout") }),
    ...values.map((column) => heading(column, "list-value")),
  );
  // The heading that was pressed is another element now.
  if (focused === null || focused === undefined) return;
  const name = focused.replace(/ [↑↓]$/, "");
  for (const button of head.querySelectorAll("button"))
    if (button.textContent?.startsWith(name) === true) button.focus();
}
