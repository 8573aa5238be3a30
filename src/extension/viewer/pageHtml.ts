export interface PageParts {
  readonly title: string;
  readonly scriptUri: string;
  readonly styleUri: string;
  /** What the webview may load from: its own resource origin. */
  readonly cspSource: string;
  /** Fresh for each page. */
  readonly nonce: string;
  /** Language of its texts, e.g. "zh-cn". */
  readonly language: string;
  /** Its translated texts by their English ones; none in English. */
  readonly bundle: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The document of a page, the rollout viewer or the dashboard. Scripts run by nonce only; the one thing fetched is the
 * index of the run's rollouts, from the webview's own origin; completions are put in as text by the
 * page. `style-src` has no 'unsafe-inline': the page styles through its sheet, constructed sheets and the CSSOM.
 */
export function pageHtml(parts: PageParts): string {
  const { cspSource, nonce } = parts;
  const policy = [
    "default-src 'none'",
    `img-src ${cspSource}`,
    `font-src ${cspSource}`,
    `connect-src ${cspSource}`,
    `style-src ${cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="${escapeHtml(parts.language)}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${escapeHtml(parts.title)}</title>
    <link rel="stylesheet" href="${escapeHtml(parts.styleUri)}" />
    <script type="application/json" id="l10n">${scriptJson(parts.bundle)}</script>
    <script defer nonce="${escapeHtml(nonce)}" src="${escapeHtml(parts.scriptUri)}"></script>
  </head>
  <body></body>
</html>
`;
}

/** JSON that cannot end the script element it stands in. */
function scriptJson(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value).replaceAll("<", "\\u003c");
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
