/** A line on standard error, which is log.txt in a run process and the extension's output channel in a service engine. */
export function logLine(level: "info" | "warn" | "error", message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${level} ${message.replaceAll("\n", "\n  ")}\n`);
}
