import { UserError, type ErrorData } from "../../protocol/errors.ts";
import { logLine } from "./log.ts";
import { fatalLinePrefix, type RunProcessParams } from "./runProcessParams.ts";
import { startRunProcess } from "./runProcess.ts";

// The run process: `run.cjs <RunProcessParams as JSON>`, started detached by launcher.ts, which reads the last line.
// SAFETY: the launcher of the same version is the only one who writes this argument.
const params = JSON.parse(process.argv[2] ?? "null") as RunProcessParams;
const run = startRunProcess(params, __dirname);

let signals = 0;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    signals++;
    if (signals === 1) return run.stop(signal);
    run.killBackend();
    process.exit(1);
  });
}
// A terminal that is closed does not end the run.
process.on("SIGHUP", () => undefined);

run.ended.then(
  () => process.exit(0),
  (error: unknown) => {
    if (!UserError.is(error)) logLine("error", error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.stderr.write(`${fatalLinePrefix}${JSON.stringify(describe(error))}\n`);
    process.exit(1);
  },
);

function describe(error: unknown): ErrorData {
  if (UserError.is(error)) return error.toData();
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, hint: "This is a mistake in Video RFT; the log of the run has the details." };
}
