import { createHash } from "node:crypto";
import { describeDifference } from "../evaluate/settings.ts";
import { exampleCard } from "./exampleCard.ts";
import type { FramesAt } from "./frames.ts";
import { html, Html } from "./html.ts";
import { changedExamples, worstExamples, type ReportData, type ShownExample } from "./reportData.ts";
import { reportStyle } from "./style.ts";
import { categoryPlot, comparisonTable, datasetTable, publishedTable, scoreTable, settingsTable } from "./tables.ts";

/** Examples of each dataset that are shown: those that changed most, and the worst. */
const changedOfDataset = 4;
const worstOfDataset = 3;

/**
 * One page about one or several evaluations, without a request to anywhere: sheet, plots and images are in it, and it runs
 * no script. What models said is text. It is the same page in a browser and in VS Code.
 */
export async function buildReport(data: ReportData, framesAt: FramesAt): Promise<string> {
  const { evaluations } = data;
  const labels = evaluations.map(({ label }) => label);
  const changed = changedExamples(data, changedOfDataset);
  const worst = worstExamples(data, worstOfDataset, changed);
  const body = html`<main>
    <h1>Evaluation report</h1>
    <p class="muted">${labels.join(" · ")} · Video RFT ${data.versions.videoRft}</p>
    ${settingsWarning(data)} ${datasetSections(data)} ${comparisonTable(data)}
    ${await exampleSection("Examples that changed most", changed, labels, framesAt)}
    ${await exampleSection(worstTitle(labels), worst, labels, framesAt)}
    <h2>Settings</h2>
    <p class="muted">What decides the scores. Settings that differ are in bold.</p>
    ${settingsTable(evaluations)}
    <h2>Datasets</h2>
    ${datasetTable(evaluations)}
  </main>`;
  return page(labels.join(", "), body);
}

function datasetSections({ evaluations }: ReportData): Html[] {
  const ids = [...new Set(evaluations.flatMap(({ record }) => Object.keys(record.scores).map(datasetOf)))];
  return ids.map((id) => {
    const dataset = evaluations[0]?.record.datasets?.find((one) => one.id === id);
    const last = evaluations.at(-1)?.record;
    const groupings = last?.categories?.filter(({ datasetId }) => datasetId === id) ?? [];
    return html`<section>
      <h2>${id}</h2>
      ${scoreTable(id, evaluations)} ${dataset === undefined ? null : publishedTable(dataset, evaluations)}
      ${groupings.map((grouping) => categoryPlot(grouping, evaluations))}
    </section>`;
  });
}

function datasetOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}

function settingsWarning({ comparison }: ReportData): Html | null {
  if (comparison === null || comparison.settings.length === 0) return null;
  return html`<div class="warn">
    <p>These evaluations differ in more than the policy, and the scores may for that reason:</p>
    <ul>
      ${comparison.settings.map((one) => html`<li>${describeDifference(one, ["in the first", "in the last"])}</li>`)}
    </ul>
  </div>`;
}

function worstTitle(labels: readonly string[]): string {
  return labels.length > 1 ? `Worst examples of ${labels.at(-1) ?? ""}` : "Worst examples";
}

async function exampleSection(
  title: string,
  shown: readonly ShownExample[],
  labels: readonly string[],
  framesAt: FramesAt,
): Promise<Html | null> {
  if (shown.length === 0) return null;
  const cards: Html[] = [];
  for (const example of shown) cards.push(await exampleCard(example, labels, framesAt));
  return html`<section>
    <h2>${title}</h2>
    ${cards}
  </section>`;
}

function page(title: string, body: Html): string {
  const hash = createHash("sha256").update(reportStyle).digest("base64");
  const policy = `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  // Exactly the text that the hash is of.
  const style = Html.trusted(`<style>${reportStyle}</style>`);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Evaluation report: ${title}</title>
        ${style}
      </head>
      <body>
        ${body}
      </body>
    </html> `.markup;
}
