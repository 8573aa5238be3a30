import path from "node:path";
import { makeReport } from "../report/makeReport.ts";
import { videoRftVersion } from "../server/version.ts";
import { nodeFileIo, replaceFile } from "../store/fileIo.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { textOption, UsageError, type CommandInput, type ExitStatus } from "./command.ts";
import { terminalSettings } from "./runCommands.ts";

/** Writes the report of some evaluations into one HTML file. */
export async function report(input: CommandInput): Promise<ExitStatus> {
  const { terminal, positionals } = input;
  if (positionals.length === 0)
    throw new UsageError("expected an evaluation (a file, a folder or a run), found nothing");
  const file = path.resolve(textOption(input, "out") ?? "report.html");
  const { cacheDir, ffmpegPath } = terminalSettings();
  const ffmpeg = (): ReturnType<typeof locateFfmpeg> => locateFfmpeg({ settingPath: ffmpegPath });
  const page = await makeReport({ places: positionals, ffmpeg, cacheDir, videoRftVersion });
  await nodeFileIo.makeDir(path.dirname(file));
  await replaceFile(nodeFileIo, file, Buffer.from(page, "utf8"));
  terminal.print(`The report is in ${file}`);
  terminal.writeDocument({ report: file });
  return 0;
}
