import type { DiagnosticCode } from "../../../protocol/diagnostics.ts";
import { specFinding, type LintFinding } from "../finding.ts";
import { addCounts } from "../strictLint.ts";
import { strictParsers, type StrictCount } from "../strictParsers.ts";
import { percent, stepsText, type RunEvidence } from "./evidence.ts";
import { lintRunGroups } from "./groupLint.ts";
import { lintHacking } from "./hackingLint.ts";
import { lintRunLengths } from "./lengthLint.ts";
import { lintRunRewards } from "./rewardLint.ts";
import { thresholds } from "./thresholds.ts";
import { lintRunUpdates } from "./updateLint.ts";

/** What rollouts, metrics and evaluations of a run show. Nothing is said about too few of them: see thresholds.ts. */
export function lintRun(run: RunEvidence): LintFinding[] {
  const findings = [
    ...lintRunRewards(run),
    ...lintRunGroups(run),
    ...lintHacking(run),
    ...lintRunLengths(run),
    ...lintRunUpdates(run),
    ...lintStrict(run),
  ];
  if (!run.isImported) return findings;
  return findings.filter(({ code }) => !restOnSpec.has(code)).map((finding) => ({ ...finding, fixes: [], basis: [] }));
}

/** Findings that compare with a value of the specification, which that of an import does not have. */
const restOnSpec: ReadonlySet<DiagnosticCode> = new Set(["truncated-completions", "ratio-clipped"]);

/** Right answers of the run that published parsers would give 0. */
function lintStrict({ texts }: RunEvidence): LintFinding[] {
  const groups = texts.flatMap((text) => text.groups);
  const counts = new Map<string, StrictCount>();
  for (const { strict } of groups) addCounts(counts, strict);
  const { right: fewest, share } = thresholds["strict-parser-rejects"];
  return [...counts].flatMap(([parser, { right, rejected }]) => {
    if (right < fewest || rejected < share * right) return [];
    const task = strictParsers.find(({ name }) => name === parser)?.task ?? "";
    const message =
      `${parser} would give 0 to ${rejected} of ${right} right answers (${percent(rejected / right)}; ${groups.length} groups that were read, ${stepsText(groups)}). ` +
      "This run reads them; scores of that code are not comparable.";
    return [specFinding({ code: "strict-parser-rejects", severity: "info", message, path: ["prompts", task] })];
  });
}
