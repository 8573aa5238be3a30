/** Where the program writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Width in characters; a guess when standard error is no terminal. */
  readonly columns: number;
  /** Whether a line can be replaced. */
  readonly isLive: boolean;
  /** A result. With --json it goes to standard error, since the document has standard output for itself. */
  print(text: string): void;
  /** Anything that is not a result. */
  note(text: string): void;
  /** The last line, replaced at each call; "" clears it. Does nothing where lines cannot be replaced. */
  showLive(line: string): void;
  /** The one JSON document; does nothing without --json. */
  writeDocument(value: unknown): void;
}

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const defaultColumns = 100;

export function createTerminal(options: { stdout: OutputStream; stderr: OutputStream; json: boolean }): Terminal {
  const { stdout, stderr, json } = options;
  const isLive = stderr.isTTY === true && process.env["TERM"] !== "dumb";
  let live = "";
  const clear = (): void => void (live !== "" && stderr.write("\r\x1b[2K"));
  const draw = (): void => void (live !== "" && stderr.write(live));
  const write = (stream: OutputStream, text: string): void => {
    clear();
    stream.write(`${text}\n`);
    draw();
  };
  return {
    get columns() {
      return stderr.columns ?? defaultColumns;
    },
    isLive,
    print: (text) => write(json ? stderr : stdout, text),
    note: (text) => write(stderr, text),
    showLive: (line) => {
      if (!isLive) return;
      clear();
      // A line as wide as the terminal would wrap, and could not be replaced.
      live = line.slice(0, (stderr.columns ?? defaultColumns) - 1);
      draw();
    },
    writeDocument: (value) => void (json && stdout.write(`${JSON.stringify(value, null, 2)}\n`)),
  };
}
