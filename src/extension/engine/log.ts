/** What a LogOutputChannel offers, and a test can collect. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
