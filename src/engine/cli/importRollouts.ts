import { UserError } from "../../protocol/errors.ts";
import { rolloutSourceNames, type ImportRecord } from "../../protocol/records.ts";
import { importRollouts } from "../imports/importRun.ts";
import { videoRftVersion } from "../server/version.ts";
import { listOption, positional, textOption, type CommandInput, type ExitStatus } from "./command.ts";
import { quote } from "./followRun.ts";
import { terminalSettings } from "./runCommands.ts";

const shownProblems = 10;

/** Makes a run folder of another trainer's rollouts, and says what was taken for what. */
export async function importLog(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort(new UserError({ code: "cancelled", message: "Cancelled." }));
  process.on("SIGINT", onInterrupt);
  try {
    const rewards = listOption(input, "reward");
    const { runDir, imported } = await importRollouts({
      path: positional(input, 0),
      cacheDir: terminalSettings().cacheDir,
      outDir: textOption(input, "out"),
      columns: { truth: textOption(input, "truth"), rewards: rewards.length === 0 ? undefined : rewards },
      videoRftVersion,
      signal: stop.signal,
      onProgress: (rollouts) => terminal.showLive(`${rollouts} rollouts`),
    });
    terminal.showLive("");
    for (const line of describeImport(imported)) terminal.note(line);
    terminal.print(`${imported.rollouts} rollouts in ${imported.groups} groups. The run folder is ${runDir}`);
    terminal.print(`To look at them: code ${quote(runDir)}, or video-rft inspect ${quote(runDir)}`);
    terminal.writeDocument({ runDir, ...imported });
    return 0;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

function describeImport({ source, notes, unread, problems }: ImportRecord): string[] {
  const more = unread - Math.min(unread, shownProblems);
  return [
    `Read as rollouts of ${rolloutSourceNames[source]}.`,
    ...notes,
    ...(unread === 0 ? [] : [`Left out, since it could not be read: ${unread}`]),
    ...problems.slice(0, shownProblems).map(({ where, message }) => `  ${where}: ${message}`),
    ...(more > 0 ? [`  … and ${more} more; log.txt of the run folder lists them`] : []),
  ];
}
