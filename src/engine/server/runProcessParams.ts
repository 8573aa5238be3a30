/** What a run process is told on its command line, as JSON. */
export type RunProcessParams = StartParams | ResumeParams;

interface CommonParams {
  /** Absolute; it is there, and log.txt in it takes what the process prints. */
  readonly runDir: string;
  readonly cacheDir: string;
  /** Setting videoRft.ffmpegPath. */
  readonly ffmpegPath: string | null;
  /** Setting videoRft.python, or the Python extension's choice. */
  readonly pythonPath: string | null;
  /** Start beside a run that uses the device, instead of waiting for it. */
  readonly ignoreQueue: boolean;
}

export interface StartParams extends CommonParams {
  readonly kind: "start";
  readonly specPath: string;
  readonly steps?: number | undefined;
  readonly seed?: number | undefined;
}

export interface ResumeParams extends CommonParams {
  readonly kind: "resume";
}

/** Begins the line of log.txt that says in JSON (ErrorData) why the process ended. */
export const fatalLinePrefix = "fatal ";
