import { test } from "node:test";
import type { Page } from "playwright-core";
import type { VsCodeServer } from "./server.ts";
import { withPictureOnFailure } from "./workbench.ts";

/**
 * One story in one window: each scene is a test that goes on where the one before ended, so none is played after one
 * that has failed.
 */
export function story(
  page: () => Page,
  server: () => VsCodeServer,
): (name: string, steps: () => Promise<void>) => void {
  let failedScene: string | null = null;
  return (name, steps) => {
    test(name, async () => {
      if (failedScene !== null) throw new Error(`not played, since "${failedScene}" failed`);
      failedScene = name;
      await withPictureOnFailure(name.replace(/\W+/g, "-"), page, server(), steps);
      failedScene = null;
    });
  };
}
