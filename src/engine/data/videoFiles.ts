import fs from "node:fs";
import path from "node:path";

/** Endings that are tried when a row names a video without one, in this order. */
export const videoEndings = [".mp4", ".webm", ".mkv", ".avi", ".mov"] as const;

export interface FoundVideo {
  /** Absolute; where the file should be when it is not there. */
  readonly path: string;
  readonly exists: boolean;
}

/** Finds the videos of a dataset: rows name them with or without an ending, also in sub-folders. Each folder is listed once. */
export function createVideoFinder(videosDir: string): (name: string) => FoundVideo {
  const listings = new Map<string, ReadonlySet<string>>();
  const listing = (dir: string): ReadonlySet<string> => {
    const known = listings.get(dir);
    if (known !== undefined) return known;
    const names = new Set(listFiles(dir));
    listings.set(dir, names);
    return names;
  };
  return (name) => {
    const asNamed = path.resolve(videosDir, name);
    const names = listing(path.dirname(asNamed));
    const base = path.basename(asNamed);
    if (names.has(base)) return { path: asNamed, exists: true };
    const ending = videoEndings.find((e) => names.has(base + e));
    if (ending !== undefined) return { path: asNamed + ending, exists: true };
    return { path: asNamed, exists: false };
  };
}

function listFiles(dir: string): string[] {
  try {
    return fs
      .readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    // A missing folder holds no video; each of its rows is reported.
    return [];
  }
}
