import { t } from "@vscode/l10n";
import path from "node:path";

/** A viewer panel that is open, or was when the window was closed. */
export interface OpenViewerRecord {
  readonly runDir: string;
  readonly title: string;
}

/** "Rollouts: <name>", or with the run folder's own name where another panel has that title. */
export function viewerTitle(runDir: string, name: string, others: readonly OpenViewerRecord[]): string {
  const title = t("Rollouts: {0}", name);
  const isTaken = others.some((record) => record.title === title && record.runDir !== runDir);
  return isTaken ? t("Rollouts: {0}", path.basename(runDir)) : title;
}

/** Whatever was stored; what is no record is left out. */
export function readOpenViewers(stored: unknown): readonly OpenViewerRecord[] {
  return Array.isArray(stored) ? stored.filter(isRecord) : [];
}

function isRecord(value: unknown): value is OpenViewerRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "runDir" in value &&
    typeof value.runDir === "string" &&
    "title" in value &&
    typeof value.title === "string"
  );
}
