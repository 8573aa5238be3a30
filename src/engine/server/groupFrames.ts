import { UserError } from "../../protocol/errors.ts";
import { isFailedGroup } from "../../protocol/records.ts";
import { openRollouts } from "../store/rollouts.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { openFrameFiles } from "../video/frameCache.ts";
import type { EngineSettings } from "./launcher.ts";

/**
 * Images of the frames that the policy saw for a group, in their order; decoded again when the cache has lost them.
 * @throws UserError not-found, bad-video when the video is gone or another, no-ffmpeg.
 */
export async function openGroupFrames(
  settings: EngineSettings,
  place: { readonly runDir: string; readonly step: number; readonly group: number },
): Promise<readonly string[]> {
  const { runDir, step, group } = place;
  const line = (await openRollouts(runDir).readStep(step)).find((candidate) => candidate.group === group);
  if (line === undefined) {
    throw new UserError({ code: "not-found", where: runDir, message: `step ${step} has no group ${group}` });
  }
  if (isFailedGroup(line)) throw new UserError(line.failure);
  const seen = line.video;
  if (seen === null) {
    const message = "no frames: the imported log names no video";
    throw new UserError({ code: "not-found", where: runDir, message });
  }
  const ffmpeg = (): ReturnType<typeof locateFfmpeg> => locateFfmpeg({ settingPath: settings.ffmpegPath });
  return openFrameFiles({ seen, ffmpeg, cacheDir: settings.cacheDir });
}
