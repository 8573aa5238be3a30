import { diagnosticTable } from "../../protocol/diagnostics.ts";
import { datasetPath, type LintFinding } from "./finding.ts";
import { largestFix } from "./setFix.ts";

/** Rows of one code and dataset that are shown one by one. */
const shownRows = 20;

/**
 * Findings for a list that people read: of each code and dataset the first rows, and where there are several, one finding at
 * the dataset in the specification that counts them. Published data has thousands of ends that lie after their video.
 */
export function condense(findings: readonly LintFinding[]): LintFinding[] {
  const rows = new Map<string, LintFinding[]>();
  for (const finding of findings.filter(({ place }) => place.kind === "row")) {
    const key = `${finding.code} ${finding.usedFor} ${finding.dataset}`;
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [finding]);
    else known.push(finding);
  }
  return [
    ...findings.filter(({ place }) => place.kind !== "row"),
    ...[...rows.values()].flatMap((group) => [...countOf(group), ...group.slice(0, shownRows)]),
  ];
}

function countOf(group: readonly LintFinding[]): LintFinding[] {
  const [first] = group;
  if (first === undefined || group.length === 1 || first.usedFor === null || first.dataset === null) return [];
  const { code, usedFor, dataset } = first;
  const { title } = diagnosticTable[code];
  const of = first.example === null ? "" : ` (${first.example})`;
  const message = `${title}: ${group.length} times in ${dataset}. The first${of}: ${first.message}`;
  const fix = largestFix(group.flatMap(({ fixes }) => fixes.slice(0, 1)));
  const place = { kind: "spec", path: datasetPath(usedFor, dataset) } as const;
  return [{ ...first, example: null, message, place, fixes: fix === null ? first.fixes : [fix] }];
}
