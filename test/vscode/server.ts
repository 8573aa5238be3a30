import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** A VS Code server of its own: its data folder is its home, and goes when it stops. */
export interface VsCodeServer {
  readonly origin: string; // http://127.0.0.1:PORT
  readonly authority: string; // 127.0.0.1:PORT
  readonly dataDir: string;
  readonly log: () => string;
  /** Ends the server and its extension hosts. Runs that an extension started detached live on. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Lets a page name an extension under development. Notification toasts are not shown with it. */
  readonly forDevelopment?: boolean;
  /** A data folder made by `makeDataDir`, when extensions were installed into it. */
  readonly dataDir?: string;
}

/** What is the same for every test: no telemetry, no updates, nothing in the way. */
const quietSettings = {
  "security.workspace.trust.enabled": false,
  "workbench.startupEditor": "none",
  "window.autoDetectColorScheme": true,
  "workbench.preferredDarkColorTheme": "Dark Modern",
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.tips.enabled": false,
  "chat.disableAIFeatures": true,
  "telemetry.telemetryLevel": "off",
  "extensions.ignoreRecommendations": true,
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "update.mode": "none",
  "git.enabled": false,
  "typescript.disableAutomaticTypeAcquisition": true,
  "files.autoSave": "off",
};

/** The installation that `scripts/setup.mjs --tests` made; `test/run.mjs` says where. */
export function vsCode(): { readonly node: string; readonly main: string } {
  const dir = process.env.TEST_VSCODE_DIR;
  if (dir === undefined) throw new Error("TEST_VSCODE_DIR is not set: start these tests with `npm run test:vscode`");
  return { node: path.join(dir, "node", "bin", "node"), main: path.join(dir, "vscode", "out", "server-main.js") };
}

export function makeDataDir(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "rft-vscode-"));
}

/** Installs a VSIX into a data folder, as `code --install-extension` does. */
export function installExtension(dataDir: string, vsixFile: string): string {
  const { node, main } = vsCode();
  const args = [main, "--accept-server-license-terms", "--server-data-dir", dataDir, "--install-extension", vsixFile];
  return execFileSync(node, args, { env: serverEnv(dataDir, {}), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Starts a server on a free port and waits until it listens. */
export async function startServer(options: ServerOptions = {}): Promise<VsCodeServer> {
  const { node, main } = vsCode();
  const dataDir = options.dataDir ?? makeDataDir();
  for (const place of ["User", "Machine"]) {
    const settingsDir = path.join(dataDir, "data", place);
    fs.mkdirSync(settingsDir, { recursive: true });
    const settings = { ...quietSettings, ...options.settings };
    fs.writeFileSync(path.join(settingsDir, "settings.json"), JSON.stringify(settings, null, 2));
  }
  const args = [main, "--host", "127.0.0.1", "--port", "0", "--without-connection-token"];
  args.push("--accept-server-license-terms", "--server-data-dir", dataDir, "--telemetry-level", "off");
  if (options.forDevelopment ?? true) args.push("--enable-smoke-test-driver");
  // Its own process group, so that extension hosts end with it.
  const child = spawn(node, args, {
    env: serverEnv(dataDir, options.env ?? {}),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output: string[] = [];
  const port = await listeningPort(child, output);
  return {
    origin: `http://127.0.0.1:${port}`,
    authority: `127.0.0.1:${port}`,
    dataDir,
    log: () => output.join(""),
    stop: async () => {
      await endGroup(child);
      fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

function serverEnv(dataDir: string, extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const foreign = /^(VSCODE_|ELECTRON_|npm_|NODE_OPTIONS$|NODE_PATH$|NODE_TEST_CONTEXT$)/i;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  // No extension gallery: nothing is looked up outside.
  return { ...Object.fromEntries(inherited), EXTENSIONS_GALLERY: "{}", HOME: dataDir, ...extra };
}

function listeningPort(child: ChildProcess, output: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`VS Code server ${reason}\n${output.join("")}`));
    const timer = setTimeout(() => fail("did not start within 5 minutes"), 300_000);
    const read = (chunk: Buffer): void => {
      output.push(chunk.toString());
      const port = /Extension host agent listening on (\d+)/.exec(output.join(""))?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("exit", (status) => {
      clearTimeout(timer);
      fail(`ended with status ${String(status)}`);
    });
  });
}

async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-pid, "SIGTERM");
  const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
  signalGroup(pid, "SIGKILL"); // extension hosts that waited for a window to come back
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group has ended
  }
}
