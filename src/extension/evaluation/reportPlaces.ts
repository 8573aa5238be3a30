import path from "node:path";

/** What a report panel is about: files of evaluations, the one that the others are compared with first. */
export type ReportPlaces = readonly [string, ...string[]];

/**
 * The evaluations that a command's argument means: a row of the Runs view or a file. A later evaluation of a run is shown
 * beside the one before training, where there is one. undefined means: ask.
 */
export function reportPlacesOf(argument: unknown, exists: (file: string) => boolean): ReportPlaces | undefined {
  const file = fileOf(argument);
  if (file === undefined) return undefined;
  const first = path.join(path.dirname(file), "step-000000.json");
  const isOfRun = /^step-\d+\.json$/.test(path.basename(file)) && file !== first;
  return isOfRun && exists(first) ? [first, file] : [file];
}

/** Title of the panel: the last file by its folder and name, which alone says little. */
export function reportTitle(places: ReportPlaces): string {
  const file = places.at(-1) ?? places[0];
  const name = path.basename(file, ".json");
  const folder = path.basename(/^step-\d+$/.test(name) ? path.dirname(path.dirname(file)) : path.dirname(file));
  return `${folder}: ${name}`;
}

function fileOf(argument: unknown): string | undefined {
  if (typeof argument !== "object" || argument === null) return undefined;
  if ("kind" in argument && argument.kind === "evaluation" && "file" in argument) {
    return typeof argument.file === "string" ? argument.file : undefined;
  }
  return "fsPath" in argument && typeof argument.fsPath === "string" ? argument.fsPath : undefined;
}
