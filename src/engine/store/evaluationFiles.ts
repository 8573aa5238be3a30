import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";

/**
 * The evaluation record that a path means: the file itself; the one in a folder of `eval --out`; the one beside a file of
 * answers; the last one of a run folder.
 * @throws UserError not-found, naming what is there when there are several.
 */
export function findEvaluationFile(given: string): string {
  const place = path.resolve(given);
  if (!fs.existsSync(place)) throw notFound(given, "no such file or folder");
  if (!fs.statSync(place).isDirectory()) return besideAnswers(place, given);
  const own = named(place, /^evaluation(\.[a-z-]+)?\.json$/);
  const ofRun = named(path.join(place, "evaluation"), /^step-\d+\.json$/).slice(-1);
  const found = own.length > 0 ? own : ofRun;
  const [only, ...others] = found;
  if (only === undefined) {
    throw notFound(
      given,
      "no evaluation in this folder",
      "An evaluation is made by `video-rft eval --out` and by runs.",
    );
  }
  if (others.length === 0) return only;
  throw notFound(
    given,
    `several evaluations in this folder: ${found.map((file) => path.basename(file)).join(", ")}`,
    "Name one of them.",
  );
}

/** answers.think.jsonl stands beside evaluation.think.json. */
function besideAnswers(file: string, given: string): string {
  if (!file.endsWith(".jsonl")) return file;
  const record = path.join(
    path.dirname(file),
    path.basename(file).replace(/^answers(.*)\.jsonl$/, "evaluation$1.json"),
  );
  if (fs.existsSync(record) && record !== file) return record;
  throw notFound(
    given,
    "these answers have no evaluation beside them",
    "Finish it with `video-rft eval --out`, which scores the answers.",
  );
}

function named(dir: string, pattern: RegExp): string[] {
  if (!fs.existsSync(dir)) return [];
  const names = fs.readdirSync(dir).filter((name) => pattern.test(name));
  return names.sort().map((name) => path.join(dir, name));
}

function notFound(where: string, message: string, hint?: string): UserError {
  return new UserError({ code: "not-found", where, message, hint });
}
