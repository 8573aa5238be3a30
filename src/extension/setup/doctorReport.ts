import { t } from "@vscode/l10n";
import type { DoctorCheck } from "../../protocol/messages.ts";

/** The checks as text: what failed first, each with its remedy. */
export function doctorReport(checks: readonly DoctorCheck[]): string {
  const failed = checks.filter((check) => !check.ok);
  const passed = checks.filter((check) => check.ok);
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  const title =
    failed.length === 0 ? t("All checks passed.") : t("{0} of {1} checks failed.", failed.length, checks.length);
  return [title, "", ...failed.map((check) => row(check, width)), ...passed.map((check) => row(check, width)), ""].join(
    "\n",
  );
}

/** Whether the machine has no ffmpeg that works. */
export function ffmpegFailed(checks: readonly DoctorCheck[]): boolean {
  return checks.some(({ name, ok }) => !ok && name.toLowerCase().startsWith("ffmpeg"));
}

function row({ name, ok, detail, fix }: DoctorCheck, width: number): string {
  const line = `${ok ? "ok    " : "FAILED"}  ${name.padEnd(width)}  ${detail}`;
  return ok || fix === undefined ? line : `${line}\n${" ".repeat(10 + width)}${fix}`;
}
