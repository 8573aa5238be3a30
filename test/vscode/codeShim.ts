import path from "node:path";
import util from "node:util";
import type { Page } from "playwright-core";
import { startServer } from "./server.ts";
import { launchBrowser, workbenchUrl } from "./workbench.ts";

/**
 * Stands in for the desktop `code` executable: takes the arguments that @vscode/test-electron gives it, runs the suite
 * inside the extension host of the VS Code server, and ends with its exit status.
 */
async function main(argv: readonly string[]): Promise<number> {
  const argument = (name: string): string => {
    const found = argv.find((text) => text.startsWith(`--${name}=`));
    if (found === undefined) throw new Error(`--${name}=… is missing`);
    return path.resolve(found.slice(name.length + 3));
  };
  const folder = argv.find((text) => !text.startsWith("-"));
  if (folder === undefined) throw new Error("the folder to open is missing");
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const ended = suiteEnd(page);
    await page.goto(
      workbenchUrl(server, {
        folder: path.resolve(folder),
        extensionDir: argument("extensionDevelopmentPath"),
        extensionTestsPath: argument("extensionTestsPath"),
      }),
    );
    return await ended;
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** VS Code calls these two functions of its page when it runs a suite: one for its console, one for its end. */
function suiteEnd(page: Page): Promise<number> {
  return new Promise((resolve, reject) => {
    const print = (_type: string, args: readonly unknown[]): void => {
      const line = util.format(...args);
      if (line.startsWith("suite:")) console.log(line);
    };
    Promise.all([
      page.exposeFunction("codeAutomationLog", print),
      page.exposeFunction("codeAutomationExit", (status: number) => resolve(status)),
    ]).catch(reject);
  });
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
