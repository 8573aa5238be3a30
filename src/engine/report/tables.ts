import type { EvaluationComparison } from "../evaluate/compare.ts";
import type { CategoryScores, EvaluatedDataset, ScoreValue } from "../../protocol/records.ts";
import { bestBaseline } from "../evaluate/scoring.ts";
import { settingDifferences } from "../evaluate/settings.ts";
import { html, type Html, type HtmlValue } from "./html.ts";
import { publishedComparison, publishedSource } from "./published.ts";
import type { ReportData, ReportedEvaluation } from "./reportData.ts";

/** A wide table scrolls by itself, by keyboard too, and leaves the page in place. */
export function scrollable(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${table}</div>`;
}

interface TableParts {
  /** For screen readers. */
  readonly label: string;
  readonly caption?: string;
  readonly head: HtmlValue;
  readonly rows: HtmlValue;
  readonly isPlot?: boolean;
}

function tableOf({ label, caption, head, rows, isPlot = false }: TableParts): Html {
  return scrollable(
    label,
    html`<table class="${isPlot ? "plot" : ""}">
      ${
        caption === undefined
          ? null
          : html`<caption>
              ${caption}
            </caption>`
      }
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`,
  );
}

/** Scores of a dataset in each evaluation beside the best trivial baseline. */
export function scoreTable(datasetId: string, evaluations: readonly ReportedEvaluation[]): Html {
  const keys = [...new Set(evaluations.flatMap(({ record }) => Object.keys(record.scores)))].filter((key) =>
    key.startsWith(`${datasetId}/`),
  );
  const rows = keys.map((key) => {
    const best = bestBaseline(evaluations.at(-1)?.record.baselines ?? {}, key);
    const values = evaluations.map(({ record }) => record.scores[key]);
    return html`<tr>
      <th scope="row">${metricOf(key, datasetId)}</th>
      <td>${values.find((value) => value !== undefined)?.n ?? ""}</td>
      ${values.map((value) => html`<td>${scoreText(value)}</td>`)}
      <td>${best === null ? "" : scoreText(best.score)}</td>
      <td class="name">${best?.name ?? ""}</td>
    </tr>`;
  });
  return tableOf({
    label: `Scores of ${datasetId}`,
    caption: "Means over the examples, with bootstrap 95 % intervals.",
    head: heads(["Metric", "n", ...evaluations.map(({ label }) => label), "Best trivial baseline", ""]),
    rows,
  });
}

/** Our scores among those of papers, where the dataset is the benchmark; null elsewhere. */
export function publishedTable(dataset: EvaluatedDataset, evaluations: readonly ReportedEvaluation[]): Html | null {
  const comparison = publishedComparison(
    dataset,
    evaluations.map(({ record }) => record),
  );
  if (comparison === null) return null;
  const { benchmark, metrics, ours } = comparison;
  const rowOf = (model: string, values: Readonly<Record<string, number | null>>, isOwn: boolean) =>
    html`<tr class="${isOwn ? "own" : ""}">
      <th scope="row">${model}</th>
      ${metrics.map((metric) => html`<td>${percentText(values[metric])}</td>`)}
    </tr>`;
  return html`<h3>Beside published scores: ${benchmark.title}</h3>
    ${tableOf({
      label: `Published scores on ${benchmark.title}`,
      caption: "In percent.",
      head: heads(["Model", ...metrics]),
      rows: [
        ...benchmark.rows.map(({ model, scores }) => rowOf(model, scores, false)),
        ...evaluations.map(({ label }, i) => rowOf(label, ours[i] ?? {}, true)),
      ],
    })}
    <p class="muted">${benchmark.caveat} Source: ${publishedSource}.</p>`;
}

/** Before and after with the tests; null with one evaluation. */
export function comparisonTable({ comparison, evaluations }: ReportData): Html | null {
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  if (comparison === null || first === undefined || last === undefined) return null;
  const rows = comparison.metrics.map(
    ({ key, before, after, paired, mcNemar }) =>
      html`<tr>
        <th scope="row">${key}</th>
        <td>${paired.n}</td>
        <td>${before.toFixed(3)}</td>
        <td>${after.toFixed(3)}</td>
        <td>
          ${signed(paired.difference)} <span class="interval">[${signed(paired.low)}, ${signed(paired.high)}]</span>
        </td>
        <td>${pText(paired.pValue)}</td>
        <td>${mcNemar === null ? "" : `${mcNemar.gained} / ${mcNemar.lost}`}</td>
        <td>${mcNemar === null ? "" : pText(mcNemar.pValue)}</td>
      </tr>`,
  );
  const names = ["", "Pairs", first.label, last.label, "Difference", "p", "Gained / lost", "p (McNemar)"];
  return html`<h2>What changed from ${first.label} to ${last.label}</h2>
    ${unpairedNote(comparison)}
    ${tableOf({
      label: "Paired comparison",
      caption:
        "On the examples that both have: paired bootstrap intervals, paired randomization test, McNemar's exact test " +
        "of right and wrong. Each p is of one metric alone: of twenty that did not change, one has p < 0.05.",
      head: heads(names),
      rows,
    })}`;
}

function unpairedNote(comparison: EvaluationComparison): Html | null {
  const { onlyBefore, onlyAfter, unansweredBefore, unansweredAfter } = comparison;
  const sentences = [
    ...(onlyBefore + onlyAfter > 0
      ? [`${onlyBefore} examples are in the first evaluation only, ${onlyAfter} in the last only. They are in no number of this table.`] // prettier-ignore
      : []),
    ...(unansweredBefore + unansweredAfter > 0
      ? [`${unansweredBefore} examples have no answer in the first evaluation, ${unansweredAfter} in the last. They score as unparsed answers.`] // prettier-ignore
      : []),
  ];
  return sentences.length === 0 ? null : html`<p class="warn">${sentences.join(" ")}</p>`;
}

/** A bar with its interval for every category, one a evaluation. */
export function categoryPlot(grouping: CategoryScores, evaluations: readonly ReportedEvaluation[]): Html {
  const { datasetId, dimension } = grouping;
  const [key = ""] = Object.keys(grouping.mean);
  const all = evaluations.map(({ record }) =>
    record.categories?.find((one) => one.datasetId === datasetId && one.dimension === dimension),
  );
  const rowOf = (name: string, scores: readonly (ScoreValue | undefined)[]) =>
    html`<tr>
      <th scope="row">${name}</th>
      <td>${scores.find((score) => score !== undefined)?.n ?? ""}</td>
      <td class="bar">${scores.map((score, i) => (score === undefined ? null : bar(score, i)))}</td>
      ${scores.map((score) => html`<td>${scoreText(score)}</td>`)}
    </tr>`;
  const rows = grouping.categories.map(({ name }) =>
    rowOf(
      name,
      all.map((one) => one?.categories.find((category) => category.name === name)?.scores[key]),
    ),
  );
  return html`<h3>By ${dimension}: ${metricOf(key, datasetId)}</h3>
    ${tableOf({
      label: `${datasetId} by ${dimension}`,
      head: [
        heads([dimension, "n"]),
        html`<th scope="col" class="text">0 to 1</th>`,
        heads(evaluations.map(({ label }) => label)),
      ],
      rows: [
        ...rows,
        rowOf(
          "mean of these",
          all.map((one) => one?.mean[key]),
        ),
      ],
      isPlot: true,
    })}`;
}

function bar({ value, low, high }: ScoreValue, series: number): Html {
  const x = (v: number): string => (100 * Math.min(1, Math.max(0, v))).toFixed(2);
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" x="0" y="0" width="100" height="10" />
    <rect class="s${series % 4}" x="0" y="1" width="${x(value)}" height="8" />
    <line class="range" x1="${x(low)}" y1="5" x2="${x(high)}" y2="5" />
  </svg>`;
}

/** How the answers went, by dataset. */
export function datasetTable(evaluations: readonly ReportedEvaluation[]): Html {
  const rows = evaluations.flatMap(({ label, record }) =>
    (record.datasets ?? []).map(
      ({ id, path, format, examples, rowsLeftOut, unparsedShare, failed }) =>
        html`<tr>
          <th scope="row">${id}</th>
          <td class="text">${label}</td>
          <td>${examples}</td>
          <td>${rowsLeftOut}</td>
          <td>${(100 * unparsedShare).toFixed(1)} %</td>
          <td>${failed}</td>
          <td class="text">${path} (${format})</td>
        </tr>`,
    ),
  );
  const names = ["Dataset", "Evaluation", "Examples", "Rows left out", "Unparsed answers", "Without an answer", "File"];
  return tableOf({ label: "Datasets", head: heads(names), rows });
}

/** Every setting that decides a score, one column an evaluation; what differs is marked. */
export function settingsTable(evaluations: readonly ReportedEvaluation[]): Html {
  const leaves = evaluations.map(
    ({ record }) => new Map(settingDifferences({}, record.settings).map(({ path, after }) => [path, after])),
  );
  const paths = [...new Set(leaves.flatMap((leaf) => [...leaf.keys()]))].sort();
  const rows = paths.map((path) => {
    const texts = leaves.map((leaf) => settingText(leaf.get(path)));
    const differs = new Set(texts).size > 1;
    return html`<tr class="${differs ? "own" : ""}">
      <th scope="row">${path}</th>
      ${texts.map((text) => html`<td class="text">${text}</td>`)}
    </tr>`;
  });
  return tableOf({ label: "Settings", head: heads(["Setting", ...evaluations.map(({ label }) => label)], true), rows });
}

function settingText(value: unknown): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{40,}$/.test(text) ? `${text.slice(0, 12)}…` : text;
}

function heads(names: readonly string[], isText = false): HtmlValue {
  return names.map((name) =>
    name === "" ? html`<td></td>` : html`<th scope="col" class="${isText ? "text" : ""}">${name}</th>`,
  );
}

function scoreText(score: ScoreValue | undefined): HtmlValue {
  if (score === undefined) return "";
  const { value, low, high, sampleStd } = score;
  const spread = sampleStd === undefined ? "" : ` ± ${sampleStd.toFixed(3)}`;
  return html`${value.toFixed(3)}${spread} <span class="interval">[${low.toFixed(3)}, ${high.toFixed(3)}]</span>`;
}

function percentText(value: number | null | undefined): string {
  return value === null || value === undefined ? "" : value.toFixed(1);
}

function metricOf(key: string, datasetId: string): string {
  return key.slice(datasetId.length + 1);
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
