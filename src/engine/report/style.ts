/**
 * The one sheet of the report. In VS Code its own colours apply; outside, those of its default themes by
 * prefers-color-scheme. No style attributes anywhere: the page's policy allows this sheet by its hash and nothing else.
 */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --bg: var(--vscode-editor-background, #ffffff);
  --fg: var(--vscode-foreground, #3b3b3b);
  --muted: var(--vscode-descriptionForeground, #616161);
  --line: var(--vscode-panel-border, #e5e5e5);
  --raised: var(--vscode-textCodeBlock-background, #f3f3f3);
  --warn: var(--vscode-charts-orange, #b5651d);
  --truth: var(--vscode-charts-green, #388a34);
  --s0: var(--vscode-charts-blue, #1a85ff);
  --s1: var(--vscode-charts-orange, #d18616);
  --s2: var(--vscode-charts-purple, #652d90);
  --s3: var(--vscode-charts-red, #e51400);
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: var(--vscode-editor-background, #1f1f1f);
    --fg: var(--vscode-foreground, #cccccc);
    --muted: var(--vscode-descriptionForeground, #9d9d9d);
    --line: var(--vscode-panel-border, #2b2b2b);
    --raised: var(--vscode-textCodeBlock-background, #2b2b2b);
    --warn: var(--vscode-charts-orange, #d18616);
    --truth: var(--vscode-charts-green, #89d185);
    --s0: var(--vscode-charts-blue, #3794ff);
    --s1: var(--vscode-charts-orange, #d18616);
    --s2: var(--vscode-charts-purple, #b180d7);
    --s3: var(--vscode-charts-red, #f14c4c);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 12px 20px 40px; max-width: 1100px;
  background: var(--bg); color: var(--fg);
  font: 13px/1.45 var(--vscode-font-family, system-ui, "Segoe UI", "Ubuntu", sans-serif);
}
h1 { font-size: 20px; font-weight: 600; margin: 8px 0 4px; }
h2 { font-size: 15px; font-weight: 600; margin: 32px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 13px; font-weight: 600; margin: 20px 0 6px; }
p { margin: 4px 0 8px; max-width: 80ch; }
.muted, caption, figcaption { color: var(--muted); }
.warn { border-left: 3px solid var(--warn); padding: 2px 10px; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 1px solid var(--vscode-focusBorder, #0078d4); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 4px; }
th, td { padding: 3px 14px 3px 0; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; }
thead th { border-bottom: 1px solid var(--line); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
th:first-child, td.text { text-align: left; }
th.text, td.name { text-align: left; }
tbody th { font-weight: normal; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 12ch; }
tr.own > * { font-weight: 600; }
.interval { color: var(--muted); }
.plot td.bar { width: 45%; min-width: 120px; padding-top: 5px; }
.plot svg { display: block; width: 100%; height: 9px; margin-bottom: 2px; }
.track { fill: var(--raised); }
.range { stroke: var(--fg); stroke-width: 1; vector-effect: non-scaling-stroke; }
.s0 { fill: var(--s0); stroke: var(--s0); } .s1 { fill: var(--s1); stroke: var(--s1); }
.s2 { fill: var(--s2); stroke: var(--s2); } .s3 { fill: var(--s3); stroke: var(--s3); }
.truth { fill: var(--truth); stroke: var(--truth); }
.key { display: inline-block; width: 10px; height: 10px; margin-right: 5px; vertical-align: -1px; }
.example { border: 1px solid var(--line); border-radius: 4px; padding: 10px 12px; margin: 0 0 12px; }
.example h4 { font-size: 13px; font-weight: 600; margin: 0 0 4px; overflow-wrap: anywhere; }
.example p { overflow-wrap: anywhere; }
.frames { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 6px; margin: 8px 0; max-width: 900px; }
.frames figure { margin: 0; }
.frames svg { display: block; width: 100%; height: auto; background: var(--raised); }
.box { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
.box.s0 { stroke-dasharray: 6 3; } .box.s1 { stroke-dasharray: 2 3; }
.lane { display: grid; grid-template-columns: minmax(70px, 130px) 1fr minmax(90px, max-content); gap: 10px; align-items: center; }
.lane span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lane svg { width: 100%; height: 10px; }
.lane .truth, .lane .s0, .lane .s1, .lane .s2, .lane .s3, .plot .s0, .plot .s1, .plot .s2, .plot .s3 { stroke: none; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 8px; }
.answers > div { min-width: 0; }
pre {
  margin: 2px 0 0; padding: 6px 8px; background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere;
  font: 12px/1.4 var(--vscode-editor-font-family, ui-monospace, "DejaVu Sans Mono", monospace);
}
@media (max-width: 480px) { body { padding: 8px 10px 24px; } .lane { grid-template-columns: 1fr; gap: 1px; } }
@media print { .example { break-inside: avoid; } }
`;
