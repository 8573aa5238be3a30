import { functionPlaces } from "../rewards/functionPlaces.ts";

/** Lines of a long function that are worth a model's attention. */
const mostLines = 150;

/** The text of a top-level function: from its head to the next one; the whole file where it is not found. */
export function functionText(text: string, name: string, languageId: string): string {
  const rows = text.split("\n");
  const places = functionPlaces(text, languageId) ?? [];
  const at = places.findIndex((place) => place.name === name);
  const start = places[at]?.line ?? 0;
  const end = at < 0 ? rows.length : (places[at + 1]?.line ?? rows.length);
  const shown = rows.slice(start, Math.min(end, start + mostLines));
  while (shown.at(-1)?.trim() === "") shown.pop();
  return shown.join("\n");
}
