import path from "node:path";
import { runChecks } from "../server/doctor.ts";
import { findRunAddress, resumeRun, startRun, type EngineSettings } from "../server/launcher.ts";
import { writeSampleWorkspace } from "../server/sampleWorkspace.ts";
import { readRunSummary } from "../store/readRun.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { resolveCacheDir } from "../video/frameStore.ts";
import { integerOption, positional, textOption, type CommandInput, type ExitStatus } from "./command.ts";
import { followRun, quote, reportEnd } from "./followRun.ts";
import { formatBar, formatTable } from "./text.ts";

/** Settings of a program that is started from a terminal; VIDEO_RFT_FFMPEG and VIDEO_RFT_CACHE are read further down. */
export function terminalSettings(): EngineSettings {
  return { engineDir: __dirname, cacheDir: resolveCacheDir(), ffmpegPath: null, pythonPath: null };
}

export async function run(input: CommandInput): Promise<ExitStatus> {
  const { terminal, options } = input;
  const outDir = textOption(input, "out");
  const started = await startRun({
    settings: terminalSettings(),
    specPath: positional(input, 0),
    steps: integerOption(input, "steps", 1),
    seed: integerOption(input, "seed", 0),
    outDir: outDir === undefined ? undefined : path.resolve(outDir),
    ignoreQueue: options["now"] === true,
  });
  terminal.note(`Run ${started.runId} in ${started.runDir}`);
  return followRun(terminal, started.runDir, started);
}

export async function resume(input: CommandInput): Promise<ExitStatus> {
  const { terminal, options } = input;
  const runDir = path.resolve(positional(input, 0));
  const running = await findRunAddress(runDir);
  if (running !== null) {
    terminal.note(`This run is going on; following it.`);
    return followRun(terminal, runDir, running);
  }
  const { state } = await readRunSummary(runDir);
  if (state.status === "finished") {
    terminal.note("This run has finished; there is nothing to go on with.");
    return reportEnd(terminal, runDir);
  }
  const started = await resumeRun({ settings: terminalSettings(), runDir, ignoreQueue: options["now"] === true });
  terminal.note(`Going on with run ${started.runId} in ${runDir}`);
  return followRun(terminal, runDir, started);
}

export async function doctor({ terminal }: CommandInput): Promise<ExitStatus> {
  const checks = await runChecks(terminalSettings(), process.cwd());
  const rows = checks.map(({ name, ok, detail }) => [`${ok ? "ok  " : "FAIL"}  ${name.padEnd(24)}${detail}`]);
  terminal.print(formatTable(rows));
  for (const { name, fix } of checks.filter((check) => !check.ok))
    terminal.print(`${name}: ${fix ?? "no remedy known"}`);
  terminal.writeDocument({ checks });
  return checks.every((check) => check.ok) ? 0 : 1;
}

export async function sample(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.on("SIGINT", onInterrupt);
  try {
    const { specPath } = await writeSampleWorkspace({
      engineDir: __dirname,
      dir: positional(input, 0),
      ffmpeg: await locateFfmpeg(),
      signal: stop.signal,
      onProgress: (done, total) => {
        terminal.showLive(`${formatBar(done / total, 24)}  clip ${done}/${total}`);
        if (!terminal.isLive && (done % 50 === 0 || done === total)) terminal.note(`clip ${done}/${total}`);
      },
    });
    terminal.showLive("");
    terminal.print(`The sample is at ${specPath}`);
    terminal.print(`To train on it: video-rft run ${quote(specPath)}`);
    terminal.writeDocument({ specPath });
    return 0;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}
