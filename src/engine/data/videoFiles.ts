import fs from "node:fs";
import path from "node:path";

/** Endings that are tried when a row names a video without one, or with one that it does not have, in this order. */
export const videoEndings = [".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v", ".flv", ".wmv", ".mpg"] as const;
const endingsInAnyCase = videoEndings.flatMap((ending) => [ending, ending.toUpperCase()]);

export interface FoundVideo {
  /** Absolute; where the file should be when it is not there. */
  readonly path: string;
  readonly exists: boolean;
  /** A folder of frames. */
  readonly isFolder: boolean;
}

/**
 * Finds the videos of a dataset by their names, the most likely first: with or without an ending, also in sub-folders, and
 * with another ending than is named (downloads of one list come as mp4, mkv and webm). A file goes before a folder of
 * frames of the same name. Each folder is listed once. An absolute path that leads nowhere is one of
 * another machine, as in published annotations of GOT-10k: as much of its end is taken as there is in `videosDir`.
 */
export function createVideoFinder(videosDir: string): (names: readonly string[]) => FoundVideo {
  const listings = new Map<string, Listing>();
  const listing = (dir: string): Listing => {
    const known = listings.get(dir) ?? listFolder(dir);
    listings.set(dir, known);
    return known;
  };
  const find = (name: string): FoundVideo | null => {
    const asNamed = path.resolve(videosDir, name);
    const { dir, base, name: stem, ext } = path.parse(asNamed);
    const { files, folders } = listing(dir);
    const withEnding = (start: string): string | undefined =>
      endingsInAnyCase.map((ending) => start + ending).find((file) => files.has(file));
    const found = files.has(base) ? base : withEnding(base);
    if (found !== undefined) return { path: path.join(dir, found), exists: true, isFolder: false };
    if (folders.has(base)) return { path: asNamed, exists: true, isFolder: true };
    const other = endingsInAnyCase.some((ending) => ending === ext) ? withEnding(stem) : undefined;
    return other === undefined ? null : { path: path.join(dir, other), exists: true, isFolder: false };
  };
  return (names) => {
    for (const name of names.flatMap(endsOf)) {
      const found = find(name);
      if (found !== null) return found;
    }
    const named = endsOf(names[0] ?? "").at(-1) ?? "";
    return { path: path.resolve(videosDir, named), exists: false, isFolder: false };
  };
}

/** A relative name by itself; an absolute one, then without its first folder, and so on to its last part. */
function endsOf(name: string): string[] {
  if (!path.isAbsolute(name)) return [name];
  const parts = name.split(/[\\/]/).filter((part) => part !== "");
  return [name, ...parts.slice(1).map((_, i) => path.join(...parts.slice(i + 1)))];
}

interface Listing {
  readonly files: ReadonlySet<string>;
  readonly folders: ReadonlySet<string>;
}

function listFolder(dir: string): Listing {
  try {
    const entries = fs.readdirSync(dir, { withFileTypes: true });
    // A link counts as what it leads to; one that leads nowhere as a file, which then cannot be read.
    const isFolder = (entry: fs.Dirent): boolean =>
      entry.isSymbolicLink()
        ? (fs.statSync(path.join(dir, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false)
        : entry.isDirectory();
    const folders = new Set(entries.filter(isFolder).map(({ name }) => name));
    return { folders, files: new Set(entries.map(({ name }) => name).filter((name) => !folders.has(name))) };
  } catch {
    // A missing folder holds no video; each of its rows is reported.
    return { files: new Set(), folders: new Set() };
  }
}
