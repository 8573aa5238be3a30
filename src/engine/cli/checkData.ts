import os from "node:os";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { Dataset } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readTemplates } from "../data/templates.ts";
import type { VideoFacts } from "../lint/dataLint.ts";
import type { LintFinding } from "../lint/finding.ts";
import { lintData } from "../lint/lintData.ts";
import { loadCheckedSpec } from "../server/checkSpec.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { pickFrames } from "../video/pickFrames.ts";
import { probeVideo } from "../video/probe.ts";
import { positional, type CommandInput, type ExitStatus } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { formatBar } from "./text.ts";

/** Reads all data of a specification, probes every video, and prints what the linter finds. Errors exit with 2. */
export async function checkData(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const { spec, baseDir } = loadCheckedSpec(positional(input, 0));
  const training = await readAll(spec.data, baseDir);
  const evaluation = await readAll(spec.evaluate.data, baseDir);
  const videos = await probeAll([...training, ...evaluation], spec, terminal);
  const templates = readTemplates(spec.prompts, baseDir);
  const findings = lintData({ spec, training, evaluation, templates, videos });
  for (const finding of findings) terminal.print(formatFinding(finding));
  const datasets = [...training, ...evaluation];
  const examples = datasets.reduce((sum, dataset) => sum + dataset.examples.length, 0);
  const errors = findings.filter((finding) => finding.severity === "error").length;
  terminal.print(
    `${examples} examples in ${datasets.length} datasets, ${videos.size} videos: ` +
      `${errors} errors, ${findings.length - errors} warnings`,
  );
  terminal.writeDocument({
    examples,
    problems: findings.map(({ code, severity, dataset, example, message }) => ({
      code,
      severity,
      dataset,
      example,
      message,
    })),
  });
  return errors > 0 ? 2 : 0;
}

async function readAll(specs: RunSpec["data"], baseDir: string): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  for (const spec of specs) datasets.push(await readDataset(spec, baseDir));
  return datasets;
}

async function probeAll(
  datasets: readonly Dataset[],
  spec: RunSpec,
  terminal: Terminal,
): Promise<ReadonlyMap<string, VideoFacts>> {
  // A missing file is reported by the reader already.
  const missing = new Set(
    datasets.flatMap((d) => d.problems.filter((p) => p.code === "missing-video").map((p) => `${d.id} ${p.example}`)),
  );
  const present = datasets.flatMap((d) => d.examples.filter((e) => !missing.has(`${d.id} ${e.id}`)));
  const paths = [...new Set(present.map((example) => example.videoPath))];
  const facts = new Map<string, VideoFacts>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let file = paths[next++]; file !== undefined; file = paths[next++]) {
      facts.set(file, await probeOne(file, spec));
      terminal.showLive(`${formatBar(facts.size / paths.length, 24)}  video ${facts.size}/${paths.length}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, os.availableParallelism() * 2) }, work));
  terminal.showLive("");
  return facts;
}

async function probeOne(file: string, spec: RunSpec): Promise<VideoFacts> {
  try {
    const { timestampsSec, durationSec } = await probeVideo(file, () => locateFfmpeg());
    const lastDurationSec = durationSec - (timestampsSec.at(-1) ?? 0);
    const picked = pickFrames(timestampsSec, lastDurationSec, spec.video);
    return { ok: true, durationSec, seenTimestampsSec: picked.map((index) => timestampsSec[index] ?? 0) };
  } catch (error) {
    if (UserError.is(error, "bad-video") || error instanceof RangeError) return { ok: false, message: error.message };
    throw error;
  }
}

/** "error missing-video grounding/AO8RW_0: There is no video …" */
function formatFinding({ severity, code, dataset, example, message }: LintFinding): string {
  const place = [dataset, example].filter((part) => part !== null).join("/");
  return `${severity} ${code}${place === "" ? "" : ` ${place}`}: ${message}`;
}
