/** What a step costs in one shape of a sweep. */
export interface SweepPoint {
  /** Of the size that the panel varies. */
  readonly size: number;
  /** Seconds by part of the step; they are stacked. */
  readonly parts: Readonly<Record<string, number>>;
  readonly totalSec: number;
  readonly peakBytes: number;
}

export interface SweepPanel {
  readonly title: string;
  readonly points: readonly SweepPoint[];
}

/** Light enough for a dark page and dark enough for a light one; apart in lightness too. */
const colours = ["#1f77b4", "#e08214", "#9467bd", "#2ca089", "#7f7f7f", "#c44e52"];
const [panelPx, plotPx, gapPx, topPx] = [260, 200, 40, 56];

/** An SVG of bars, one panel a size that is varied: seconds by part of the step, and the peak of memory above each bar. */
export function plotSweep(panels: readonly SweepPanel[]): string {
  const names = [...new Set(panels.flatMap(({ points }) => points.flatMap(({ parts }) => Object.keys(parts))))];
  const width = panels.length * (panelPx + gapPx) + gapPx;
  const height = topPx + plotPx + 56;
  const legend = names.map((name, i) => {
    const x = gapPx + i * 110;
    return `<rect x="${x}" y="12" width="12" height="12" fill="${colourOf(i)}"/>${text(x + 18, 22, name)}`;
  });
  const drawn = panels.map((panel, i) => drawPanel(panel, names, gapPx + i * (panelPx + gapPx)));
  const frame = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`;
  return `${[open, frame, ...legend, ...drawn].join("\n")}\n</svg>\n`;
}

function drawPanel({ title, points }: SweepPanel, names: readonly string[], left: number): string {
  const highest = Math.max(...points.map(({ totalSec }) => totalSec));
  const [bottom, bar] = [topPx + plotPx, panelPx / points.length];
  const scale = (plotPx - 24) / highest;
  const bars = points.map(({ size, parts, totalSec, peakBytes }, i) => {
    const x = left + i * bar;
    let y = bottom;
    const stack = names.map((name, part) => {
      const tall = (parts[name] ?? 0) * scale;
      y -= tall;
      return `<rect x="${px(x + 4)}" y="${px(y)}" width="${px(bar - 8)}" height="${px(tall)}" fill="${colourOf(part)}"/>`;
    });
    const middle = x + bar / 2;
    const labels = [
      text(middle, bottom + 16, size.toLocaleString("en"), "middle"),
      text(middle, y - 16, `${totalSec.toFixed(1)} s`, "middle"),
      text(middle, y - 4, `${(peakBytes / 1e9).toFixed(1)} GB`, "middle", "#666666"),
    ];
    return [...stack, ...labels].join("");
  });
  const axis = `<line x1="${left}" x2="${left + panelPx}" y1="${bottom}" y2="${bottom}" stroke="#666666"/>`;
  return [...bars, axis, text(left + panelPx / 2, bottom + 40, title, "middle")].join("\n");
}

function text(x: number, y: number, content: string, anchor = "start", fill = "#222222"): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

function colourOf(index: number): string {
  return colours[index % colours.length] ?? "#000000";
}
