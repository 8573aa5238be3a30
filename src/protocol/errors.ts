/**
 * Errors that a user can act on. A message says what was found, where, what was expected; `hint` says how to mend it.
 * Anything else that is thrown is a broken invariant (prefix `internal:`) and is shown with its stack in the log.
 */
export const errorCodes = [
  "bad-spec", // the run specification is wrong
  "bad-checkpoint", // a policy directory cannot be loaded
  "bad-data", // an annotation file cannot be read
  "bad-video", // a video is missing, broken or too short
  "no-ffmpeg", // no usable ffmpeg was found
  "disk-full", // a write failed for want of space
  "run-locked", // another process owns the run folder
  "run-exists", // the folder already holds a run
  "no-checkpoint", // nothing to resume from
  "bad-record", // a record on disk cannot be read
  "backend-died", // the backend process ended unexpectedly
  "bad-reward", // a reward file cannot be loaded, or has no such function
  "reward-failed", // a reward raised and the spec says to stop
  "judge-failed", // the judge of an evaluation does not answer
  "diverged", // loss or gradient is not finite
  "device-busy", // a run uses the device, and nobody has said that it may be shared
  "not-found",
  "unsupported",
  "not-trusted", // it would run code of a workspace that is not trusted
  "cancelled",
  "disconnected", // the peer went away with a request pending
  "internal", // a broken invariant of this program, where a record or a message has to carry it
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** What crosses a process boundary; `where` is a file, with the path inside it when there is one. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: string | undefined;
  readonly hint?: string | undefined;
}

export class UserError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(data: ErrorData, options?: { cause?: unknown }) {
    super(data.message, options);
    this.name = "UserError";
    this.code = data.code;
    this.where = data.where;
    this.hint = data.hint;
  }

  static is(error: unknown, code?: ErrorCode): error is UserError {
    return error instanceof UserError && (code === undefined || error.code === code);
  }

  toData(): ErrorData {
    return { code: this.code, message: this.message, where: this.where, hint: this.hint };
  }
}

/** One line: `where: message. hint` */
export function formatError(error: ErrorData): string {
  const place = error.where === undefined ? "" : `${error.where}: `;
  const hint = error.hint === undefined ? "" : ` ${error.hint}`;
  return `${place}${error.message}${hint}`;
}
