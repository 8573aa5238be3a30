import path from "node:path";
import type { Clip } from "./clip.ts";
import { cancelled } from "./ffmpegErrors.ts";
import { openClip, type OpenClipParams } from "./frameCache.ts";

export interface ClipLoaderParams extends Pick<OpenClipParams, "ffmpeg" | "cacheDir" | "video" | "pixelFactor"> {
  /** Clips opened at the same time; ffmpeg itself uses all cores. */
  readonly concurrency?: number | undefined;
  /** Clips kept in memory for reuse; the least recently used go first. */
  readonly maxMemoryBytes?: number | undefined;
}

export interface ClipLoader {
  /** The clip of a video; waits for it when it is being opened already, and goes before what is only prefetched. */
  load(file: string): Promise<Clip>;
  /** Starts opening clips in the background, so that they are ready later. What goes wrong shows at `load`. */
  prefetch(files: readonly string[]): void;
  /** Stops the decoders and rejects pending loads with "cancelled". Settles when they are gone. Idempotent. */
  close(): Promise<void>;
}

/** Opens clips a few at a time, each once, ahead of their use. Throws in `load` as openClip. */
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

  const createJob = (file: string): Job => {
    const job = deferJob(async () => {
      try {
        if (abort.signal.aborted) throw cancelled();
        const clip = await openClip({ ...open, path: file, signal: abort.signal });
        memory.keep(file, clip);
        return clip;
      } finally {
        running.delete(job);
        jobs.delete(file);
        pump();
      }
    });
    jobs.set(file, job);
    return job;
  };

  return {
    async load(given) {
      if (abort.signal.aborted) throw cancelled();
      const file = path.resolve(given);
      const ready = memory.use(file);
      if (ready !== null) return ready;
      const job = jobs.get(file) ?? createJob(file);
      if (!running.has(job)) {
        queue = [job, ...queue.filter((other) => other !== job)];
        pump();
      }
      return await job.promise;
    },
    prefetch(files) {
      if (abort.signal.aborted) return;
      for (const file of files.map((given) => path.resolve(given))) {
        if (!memory.has(file) && !jobs.has(file)) queue.push(createJob(file));
      }
      pump();
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
  has(file: string): boolean;
  use(file: string): Clip | null;
  keep(file: string, clip: Clip): void;
  clear(): void;
}

/** Clips by file, at most so many bytes; the least recently used go first. */
function createClipMemory(maxBytes: number): ClipMemory {
  const clips = new Map<string, Clip>(); // in order of use
  let bytes = 0;
  return {
    has: (file) => clips.has(file),
    use(file) {
      const clip = clips.get(file);
      if (clip === undefined) return null;
      clips.delete(file);
      clips.set(file, clip);
      return clip;
    },
    keep(file, clip) {
      if (clip.pixels_FHWC.length > maxBytes) return;
      clips.set(file, clip);
      bytes += clip.pixels_FHWC.length;
      for (const [oldest, { pixels_FHWC }] of clips) {
        if (bytes <= maxBytes) return;
        clips.delete(oldest);
        bytes -= pixels_FHWC.length;
      }
    },
    clear() {
      clips.clear();
      bytes = 0;
    },
  };
}
