import path from "node:path";
import { shownKey, shownVideo, type ShownVideo } from "../../protocol/video.ts";
import type { Clip } from "./clip.ts";
import { cancelled } from "./ffmpegErrors.ts";
import { openClip, type OpenClipParams } from "./frameCache.ts";

export interface ClipLoaderParams extends Pick<OpenClipParams, "ffmpeg" | "cacheDir" | "video" | "pixelFactor"> {
  /** Clips opened at the same time; ffmpeg itself uses all cores. */
  readonly concurrency?: number | undefined;
  /** Clips kept in memory for reuse; the least recently used go first. */
  readonly maxMemoryBytes?: number | undefined;
}

/** A path means the whole file. */
export interface ClipLoader {
  /** The clip of a video; waits for it when it is being opened already. */
  load(video: ShownVideo | string): Promise<Clip>;
  /** Stops the decoders and rejects pending loads with "cancelled". Settles when they are gone. Idempotent. */
  close(): Promise<void>;
}

/** Opens clips a few at a time, each once. Throws in `load` as openClip. */
export function createClipLoader(params: ClipLoaderParams): ClipLoader {
  const { concurrency = 2, maxMemoryBytes = 256e6, ...open } = params;
  const abort = new AbortController();
  const memory = createClipMemory(maxMemoryBytes);
  const jobs = new Map<string, Job>(); // queued or running
  const running = new Set<Job>();
  let queue: Job[] = [];

  const pump = (): void => {
    while (running.size < Math.max(1, concurrency)) {
      const job = queue.shift();
      if (job === undefined) return;
      running.add(job);
      job.start();
    }
  };

  const openShown = async (key: string, { videoPath, ...part }: ShownVideo): Promise<Clip> => {
    if (abort.signal.aborted) throw cancelled();
    const clip = await openClip({ ...open, ...part, path: videoPath, signal: abort.signal });
    return memory.keep(key, clip);
  };
  const createJob = (key: string, shown: ShownVideo): Job => {
    const job = deferJob(() =>
      openShown(key, shown).finally(() => {
        running.delete(job);
        jobs.delete(key);
        pump();
      }),
    );
    jobs.set(key, job);
    queue.push(job);
    pump();
    return job;
  };

  return {
    async load(given) {
      if (abort.signal.aborted) throw cancelled();
      const [key, shown] = asShown(given);
      const ready = memory.use(key);
      if (ready !== null) return ready;
      return await (jobs.get(key) ?? createJob(key, shown)).promise;
    },
    async close() {
      abort.abort();
      for (const job of queue) job.start();
      queue = [];
      await Promise.allSettled([...jobs.values()].map((job) => job.promise));
      memory.clear();
    },
  };
}

function asShown(given: ShownVideo | string): [key: string, shown: ShownVideo] {
  const shown = shownVideo(typeof given === "string" ? { videoPath: given } : given);
  const resolved = { ...shown, videoPath: path.resolve(shown.videoPath) };
  return [shownKey(resolved), resolved];
}

interface Job {
  readonly promise: Promise<Clip>;
  readonly start: () => void;
}

/** Work that waits for `start`. A failure that nobody waits for is found again by the load that does. */
function deferJob(work: () => Promise<Clip>): Job {
  let start: () => void = () => {};
  const started = new Promise<void>((resolve) => (start = resolve));
  const promise = started.then(work);
  promise.catch(() => {});
  return { promise, start };
}

interface ClipMemory {
  has(key: string): boolean;
  use(key: string): Clip | null;
  /** Returns the clip. */
  keep(key: string, clip: Clip): Clip;
  clear(): void;
}

/** Clips by shownKey, at most so many bytes; the least recently used go first. */
function createClipMemory(maxBytes: number): ClipMemory {
  const clips = new Map<string, Clip>(); // in order of use
  let bytes = 0;
  return {
    has: (key) => clips.has(key),
    use(key) {
      const clip = clips.get(key);
      if (clip === undefined) return null;
      clips.delete(key);
      clips.set(key, clip);
      return clip;
    },
    keep(key, clip) {
      if (clip.pixels_FHWC.length > maxBytes) return clip;
      clips.set(key, clip);
      bytes += clip.pixels_FHWC.length;
      for (const [oldest, { pixels_FHWC }] of clips) {
        if (bytes <= maxBytes) break;
        clips.delete(oldest);
        bytes -= pixels_FHWC.length;
      }
      return clip;
    },
    clear() {
      clips.clear();
      bytes = 0;
    },
  };
}
