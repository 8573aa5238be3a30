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
      "stroke-width": name === "pause" ? "2" : "1.2",
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  ]);
}
