import { svgElement } from "./dom.ts";

/** Icons on a 16 by 16 grid, drawn in the text colour. */
const paths = {
  chevronLeft: "M10 3 5 8l5 5",
  chevronRight: "m6 3 5 5-5 5",
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  first: "M4 3.5v9M12 3.5 7 8l5 4.5",
  last: "M12 3.5v9M4 3.5 9 8l-5 4.5",
  check: "m3.5 8.5 3 3 6-7",
  cross: "m4 4 8 8m0-8-8 8",
  list: "M2.5 4h11M2.5 8h11M2.5 12h7",
  compare: "M2.5 3h4v10h-4zM9.5 3h4v10h-4z",
  tokens: "M1.5 5.5h4v5h-4zM7.5 5.5h2v5h-2zM11.5 5.5h3v5h-3z",
  edit: "m3 13 .8-3.2L10.6 3 13 5.4 6.2 12.2zM9.2 4.4l2.4 2.4",
  keyboard: "M1.5 4.5h13v7h-13zM4 7h.1M6.7 7h.1M9.4 7h.1M12 7h.1M5 9.5h6",
  comment: "M2.5 3h11v8H7.5L5 13.5V11H2.5z",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  undo: "M6.5 3 3.5 6l3 3M3.5 6H10a3 3 0 0 1 0 6H6.5",
  loop: "M3 7.5A5 5 0 0 1 12 5l1.5 1.5M13.5 3v3.5H10M13 8.5A5 5 0 0 1 4 11L2.5 9.5M2.5 13V9.5H6",
  boxes: "M2.5 5.5h8v8h-8zM5.5 5.5v-3h8v8h-3",
  warning: "M8 2.5 14.5 13.5h-13zM8 6.5v3.5M8 11.6v.4",
  error: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM5.8 5.8l4.4 4.4m0-4.4-4.4 4.4",
} as const;

export type IconName = keyof typeof paths;

export function icon(name: IconName): SVGSVGElement {
  const fill = name === "play" ? "currentColor" : "none";
  return svgElement("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, [
    svgElement("path", {
      d: paths[name],
      fill,
      stroke: "currentColor",
      "stroke-width": name === "pause" || name === "more" ? "2" : "1.2",
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  ]);
}
