import { t } from "@vscode/l10n";
import path from "node:path";
import { escapeHtml } from "./pageHtml.ts";

/** What a file of rollouts belongs to, by its place: "<run folder>/rollouts/step-000012.jsonl". */
export interface RolloutsFile {
  readonly runDir: string;
  readonly step: number;
}

export function rolloutsFileOf(file: string): RolloutsFile | undefined {
  const step = /^step-(\d{6,})\.jsonl$/.exec(path.basename(file))?.[1];
  const folder = path.dirname(file);
  if (step === undefined || path.basename(folder) !== "rollouts") return undefined;
  return { runDir: path.dirname(folder), step: Number(step) };
}

/** Why a file of rollouts is not shown as such. */
export function whyNoRun(file: string): string {
  const found = rolloutsFileOf(file);
  if (found === undefined) {
    return t(
      "A run keeps its rollouts in files such as rollouts/step-000001.jsonl. This file has another name, so nobody knows the step and the run that it belongs to.",
    );
  }
  return t(
    "A run folder has a run.json beside its rollouts, and {0} has none. The file may have been copied out of its run.",
    found.runDir,
  );
}

export interface ExplanationParts {
  readonly file: string;
  readonly reason: string;
  readonly cspSource: string;
  readonly styleUri: string;
  /** Command links: what they say, and the URI. */
  readonly links: readonly { readonly text: string; readonly uri: string }[];
}

/** A page without scripts that says why there is nothing to see, and what to do. */
export function explanationHtml({ file, reason, cspSource, styleUri, links }: ExplanationParts): string {
  const policy = `default-src 'none'; style-src ${cspSource}; base-uri 'none'; form-action 'none'`;
  const items = links.map(({ text, uri }) => `<li><a href="${escapeHtml(uri)}">${escapeHtml(text)}</a></li>`);
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${escapeHtml(path.basename(file))}</title>
    <link rel="stylesheet" href="${escapeHtml(styleUri)}" />
  </head>
  <body class="explanation">
    <main>
      <h1>${escapeHtml(t("This file of rollouts belongs to no run"))}</h1>
      <p>${escapeHtml(reason)}</p>
      <ul>
        ${items.join("\n        ")}
      </ul>
    </main>
  </body>
</html>
`;
}
