import { UserError, type ErrorData } from "../protocol/errors.ts";

/** An error as sentences for a person: where, what was found, how to mend it. */
export function errorText({ where, message, hint }: ErrorData): string {
  const place = where === undefined ? "" : `${where}: `;
  return [`${place}${message}`, ...(hint === undefined ? [] : [hint])].map(withPeriod).join(" ");
}

/** The text of anything that was thrown. */
export function thrownText(error: unknown): string {
  if (UserError.is(error)) return errorText(error.toData());
  return error instanceof Error ? error.message : String(error);
}

function withPeriod(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
