import { svgElement } from "../dom.ts";
import { runDashes } from "./plot.ts";

/** The line of a run in small: its colour and its pattern. */
export function swatch(run: number): SVGSVGElement {
  const line = svgElement("line", {
    x1: "0",
    y1: "4",
    x2: "22",
    y2: "4",
    "stroke-width": "2",
    "stroke-dasharray": (runDashes[run] ?? []).join(" "),
  });
  const attributes = { class: "swatch", "data-run": String(run + 1), viewBox: "0 0 22 8", "aria-hidden": "true" };
  return svgElement("svg", attributes, [line]);
}
