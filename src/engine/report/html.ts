/** Markup that is safe to put into a page. Made by `html` only, so that no text of a model gets in unescaped. */
export class Html {
  readonly markup: string;

  private constructor(markup: string) {
    this.markup = markup;
  }

  /** @internal for `html`, and for text that this program wrote itself */
  static trusted(markup: string): Html {
    return new Html(markup);
  }
}

export type HtmlValue = Html | string | number | null | undefined | readonly HtmlValue[];

/** Markup with values put in: texts and numbers escaped, markup as it is, lists one after the other, null as nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return Html.trusted(parts.map((part, i) => part + markupOf(i < values.length ? values[i] : null)).join(""));
}

function markupOf(value: HtmlValue): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Html) return value.markup;
  if (typeof value === "string" || typeof value === "number") return escapeText(String(value));
  return value.map(markupOf).join("");
}

function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
