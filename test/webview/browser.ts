import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import * as esbuild from "esbuild";
import { chromium } from "playwright-core";
import type { Browser, Page } from "playwright-core";
import { bundleFile } from "../../scripts/messages.ts";
import { pageHtml } from "../../src/extension/viewer/pageHtml.ts";
import type { HostToViewer, ViewerToHost } from "../../src/protocol/view.ts";
import type { Theme } from "./themes.ts";

/** A real browser that shows a built page as a webview would: strict CSP, theme variables, a stand-in for the host. */
export interface WebviewPage<Incoming, Outgoing> {
  readonly page: Page;
  send(message: Incoming): Promise<void>;
  /** Everything the page posted, in order. */
  posted(): Promise<readonly Outgoing[]>;
  /** Errors and violations of the CSP so far. */
  problems(): Promise<readonly string[]>;
  setTheme(theme: Theme): Promise<void>;
  close(): Promise<void>;
}

export interface PageBrowser<Incoming, Outgoing> {
  /** URI of frame `index`. */
  frameUri(index: number): string;
  /** URI under which these bytes are served from now on. */
  serve(name: string, bytes: Uint8Array): string;
  open(options: {
    theme: Theme;
    width: number;
    height: number;
    state?: unknown;
    language?: string;
  }): Promise<WebviewPage<Incoming, Outgoing>>;
  close(): Promise<void>;
}

export type ViewerPage = WebviewPage<HostToViewer, ViewerToHost>;
export type ViewerBrowser = PageBrowser<HostToViewer, ViewerToHost>;

type Bundle = Readonly<Record<string, string>>;

const nonce = "c2VjcmV0";

/** A browser for the rollout viewer. `frames` are the image files by index. */
export function startViewerBrowser(frames: readonly Buffer[]): Promise<ViewerBrowser> {
  return startPageBrowser("rollouts", frames);
}

/** Builds the page of a folder of webview/, and starts a server on loopback and a browser. */
export async function startPageBrowser<Incoming, Outgoing>(
  name: "rollouts" | "dashboard" | "chat",
  frames: readonly Buffer[],
): Promise<PageBrowser<Incoming, Outgoing>> {
  const files = new Map<string, string | Uint8Array>(await buildPage(name));
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const frame = frames[Number(/^\/frame-(\d+)\.png$/.exec(url.pathname)?.[1])];
    if (frame !== undefined) response.writeHead(200, { "content-type": "image/png" }).end(frame);
    else if (url.pathname === "/")
      response
        .writeHead(200, { "content-type": "text/html; charset=utf-8" })
        .end(html(name, url.origin, url.searchParams.get("language") ?? "en"));
    else {
      const file = files.get(url.pathname);
      const type = url.pathname.endsWith(".css") ? "text/css" : "text/javascript";
      response.writeHead(file === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8` }).end(file);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("internal: no port");
  const origin = `http://127.0.0.1:${address.port}`;
  const browser = await launch();
  return {
    frameUri: (index) => `${origin}/frame-${index}.png`,
    serve: (name, bytes) => {
      files.set(`/${name}`, bytes);
      return `${origin}/${name}`;
    },
    open: (options) => openPage(browser, origin, options),
    close: async () => {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function openPage<Incoming, Outgoing>(
  browser: Browser,
  origin: string,
  options: { theme: Theme; width: number; height: number; state?: unknown; language?: string },
): Promise<WebviewPage<Incoming, Outgoing>> {
  const { theme, width, height, state, language = "en" } = options;
  const page = await browser.newPage({ viewport: { width, height }, reducedMotion: "reduce" });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.addInitScript((saved) => {
    const scope = globalThis as unknown as {
      posted: unknown[];
      violations: string[];
      state: unknown;
      acquireVsCodeApi: unknown;
    };
    scope.posted = [];
    scope.violations = [];
    scope.state = saved;
    scope.acquireVsCodeApi = () => ({
      postMessage: (message: unknown) => scope.posted.push(structuredClone(message)),
      getState: () => scope.state,
      setState: (value: unknown) => (scope.state = structuredClone(value)),
    });
    document.addEventListener("securitypolicyviolation", (event) => {
      scope.violations.push(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  }, state);
  await page.goto(`${origin}/?language=${language}`);
  const setTheme = async (next: Theme): Promise<void> => {
    await page.evaluate(({ kind, variables }) => {
      document.documentElement.removeAttribute("style");
      for (const [name, value] of Object.entries(variables)) {
        document.documentElement.style.setProperty(`--vscode-${name}`, value);
      }
      document.body.dataset["vscodeThemeKind"] = kind;
      document.body.className = kind;
    }, next);
    await settle(page);
  };
  await setTheme(theme);
  return {
    page,
    setTheme,
    send: async (message) => {
      await page.evaluate((data) => window.postMessage(data, "*"), message as unknown);
      await settle(page);
    },
    posted: () => page.evaluate(() => (globalThis as unknown as { posted: Outgoing[] }).posted),
    problems: async () => [
      ...errors,
      ...(await page.evaluate(() => (globalThis as unknown as { violations: string[] }).violations)),
    ],
    close: () => page.close(),
  };
}

/** Until what was sent is received, rendered and painted. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) =>
        setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => resolve())), 0),
      ),
  );
}

/** The document that the extension makes, in a language. */
function html(name: string, origin: string, language: string): string {
  const bundle = language === "en" ? undefined : (JSON.parse(fs.readFileSync(bundleFile(language), "utf8")) as Bundle);
  const uris = { scriptUri: `/${name}.js`, styleUri: `/${name}.css`, cspSource: origin };
  // Chromium asks for an icon, which a webview has not.
  return pageHtml({ title: name, ...uris, nonce, language, bundle }).replace(
    "</head>",
    `<link rel="icon" href="/frame-0.png" />\n  </head>`,
  );
}

/** As esbuild.mjs builds it, kept in memory. */
async function buildPage(name: string): Promise<ReadonlyMap<string, string>> {
  const built = await esbuild.build({
    entryPoints: { [name]: path.resolve("webview", name, "main.ts") },
    outdir: path.resolve("dist/webview"),
    bundle: true,
    platform: "browser",
    target: "chrome128",
    format: "iife",
    write: false,
    logLevel: "error",
  });
  return new Map(built.outputFiles.map((file) => [`/${path.basename(file.path)}`, file.text]));
}

function launch(): Promise<Browser> {
  const executablePath = browserPaths().find((candidate) => fs.existsSync(candidate));
  if (executablePath === undefined) {
    throw new Error(`No Chromium was found at ${browserPaths().join(", ")}. Install one, or set CHROME_PATH to it.`);
  }
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

function browserPaths(): readonly string[] {
  const named = process.env["CHROME_PATH"];
  const known = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
  ];
  return named === undefined ? known : [named, ...known];
}
