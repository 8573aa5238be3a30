import { readTemplates } from "../data/templates.ts";
import { specFinding, type LintFinding } from "../lint/finding.ts";
import { lintData } from "../lint/lintData.ts";
import { loadCheckedSpec } from "../server/checkSpec.ts";
import { pixelFactorOfSpec, probeVideos, readDatasets, videosOf } from "../server/dataFacts.ts";
import { checkNamedFiles } from "../server/namedFiles.ts";
import { placeFindings } from "../server/placeFindings.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { positional, type CommandInput, type ExitStatus } from "./command.ts";
import { countSeverities, formatExplainHint, formatFinding, problemsOf } from "./findings.ts";
import { formatBar } from "./text.ts";

/** Findings of one code that are printed; --json has all of them. */
const mostOfCode = 20;

/** A line each, but one for all of a code beyond the first. */
function shortened(findings: readonly LintFinding[], lineOf: (finding: LintFinding, i: number) => string): string[] {
  const counts = new Map<string, number>();
  const lines = findings.flatMap((finding, i) => {
    const count = (counts.get(finding.code) ?? 0) + 1;
    counts.set(finding.code, count);
    return count > mostOfCode ? [] : [lineOf(finding, i)];
  });
  const left = [...counts].filter(([, count]) => count > mostOfCode);
  return [
    ...lines,
    ...left.map(([code, count]) => `… and ${count - mostOfCode} more of ${code}; --json lists them all`),
  ];
}

/** Reads all data of a specification, probes every video, and prints what the linter finds. Errors exit with 2. */
export async function checkData(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const { spec, baseDir } = loadCheckedSpec(positional(input, 0));
  const training = await readDatasets(spec.data, baseDir);
  const evaluation = await readDatasets(spec.evaluate.data, baseDir);
  const datasets = [...training, ...evaluation];
  const shown = videosOf(datasets, null).all;
  const onProgress = (done: number): void =>
    terminal.showLive(`${formatBar(done / shown.length, 24)}  video ${done}/${shown.length}`);
  const pixelFactor = await pixelFactorOfSpec(spec, baseDir);
  const ffmpeg = (): ReturnType<typeof locateFfmpeg> => locateFfmpeg();
  const videos = await probeVideos({ shown, video: spec.video, pixelFactor, ffmpeg, onProgress });
  terminal.showLive("");
  const templates = readTemplates(spec.prompts, baseDir);
  const findings: LintFinding[] = [
    ...checkNamedFiles(spec, baseDir).map(specFinding),
    ...lintData({ spec, training, evaluation, templates, videos }),
  ];
  const placed = placeFindings(findings, spec, baseDir);
  for (const line of shortened(findings, (finding, i) => formatFinding(finding, placed[i]?.place)))
    terminal.print(line);
  if (findings.length > 0) terminal.print(formatExplainHint(findings));
  const examples = datasets.reduce((sum, dataset) => sum + dataset.examples.length, 0);
  const counts = countSeverities(findings);
  const files = new Set(shown.map(({ videoPath }) => videoPath)).size;
  terminal.print(`${examples} examples in ${datasets.length} datasets, ${files} videos: ${counts.text}`);
  terminal.writeDocument({ examples, problems: problemsOf(findings, placed) });
  return counts.errors > 0 ? 2 : 0;
}
