import path from "node:path";

/** What is left to do after the window has reloaded into the sample workspace. */
export interface DemoIntent {
  readonly kind: "startDemoRun";
  readonly specPath: string;
  readonly createdAtMs: number;
}

/** Key in the extension's global state. */
export const demoIntentKey = "videoRft.demoIntent";

/** An intent that nobody took within this time is dropped, so that no run starts out of the blue. */
const maxAgeMs = 15 * 60_000;

/** The intent, when it is one, is fresh, and belongs to one of the open folders. */
export function takeableIntent(stored: unknown, folders: readonly string[], nowMs: number): DemoIntent | undefined {
  if (!isDemoIntent(stored) || nowMs - stored.createdAtMs > maxAgeMs) return undefined;
  const isInside = (folder: string) => {
    const relative = path.relative(folder, stored.specPath);
    return relative !== "" && !relative.startsWith("..") && !path.isAbsolute(relative);
  };
  return folders.some(isInside) ? stored : undefined;
}

function isDemoIntent(value: unknown): value is DemoIntent {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "startDemoRun" &&
    "specPath" in value &&
    typeof value.specPath === "string" &&
    "createdAtMs" in value &&
    typeof value.createdAtMs === "number"
  );
}
