import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { writeMovingShapes } from "../samples/workspace.ts";
import type { Ffmpeg } from "../video/ffmpeg.ts";
import { sampleDir } from "./engineFiles.ts";

export interface WriteSampleOptions {
  readonly engineDir: string;
  /** A new or empty folder, or one with the sample in it. */
  readonly dir: string;
  readonly ffmpeg: Pick<Ffmpeg, "path">;
  readonly signal?: AbortSignal | undefined;
  /** Clips made so far. */
  readonly onProgress: (done: number, total: number) => void;
}

export const sampleSpecName = "moving-shapes.rft.json";

/** Made by using the sample, not part of it. */
const leftOut = new Set(["runs", ".moving-shapes.json"]);
/** Made by the generator, which keeps what is there. */
const generated = /^(annotations|videos)$/;

/**
 * Writes the sample workspace: specification, policy and text from the package, clips and annotations by its generator.
 * What is there already is kept, so an interrupted call can be repeated.
 * @throws UserError "run-exists" when the folder holds something else, "cancelled", "disk-full", "no-ffmpeg".
 */
export async function writeSampleWorkspace(options: WriteSampleOptions): Promise<{ specPath: string }> {
  const source = sampleDir(options.engineDir);
  const dir = path.resolve(options.dir);
  const specPath = path.join(dir, sampleSpecName);
  if (!fs.existsSync(path.join(source, sampleSpecName))) {
    throw new Error(`internal: the sample is missing from this package; expected it in ${source}`);
  }
  await fs.promises.mkdir(dir, { recursive: true });
  if (fs.realpathSync(dir) !== fs.realpathSync(source)) {
    await refuseOtherContent(dir);
    await fs.promises.cp(source, dir, {
      recursive: true,
      force: false,
      filter: (file) => isPartOfSample(path.relative(source, file)),
    });
  }
  const { ffmpeg, signal, onProgress } = options;
  await writeMovingShapes({ dir, ffmpeg, signal, onProgress });
  return { specPath };
}

function isPartOfSample(relative: string): boolean {
  const [top = "", ...rest] = relative.split(path.sep);
  if (leftOut.has(top)) return false;
  // Only what the generator makes is left to it: the package may have other clips and annotations.
  return !(generated.test(top) && rest.length === 1 && isGenerated(top, rest[0] ?? ""));
}

function isGenerated(folder: string, name: string): boolean {
  return folder === "videos"
    ? /^(train|test)-\d+(\.part)?\.mp4$/.test(name)
    : /^(grounding|tracking|grounded-qa|choice)\.(train|test)\.json$/.test(name);
}

async function refuseOtherContent(dir: string): Promise<void> {
  const names = (await fs.promises.readdir(dir)).filter((name) => !/^\.(DS_Store|git|vscode)$/.test(name));
  if (names.length === 0 || names.includes(sampleSpecName)) return;
  throw new UserError({
    code: "run-exists",
    where: dir,
    message: `expected an empty folder for the sample, found ${names[0]}`,
    hint: "Choose an empty or a new folder.",
  });
}
