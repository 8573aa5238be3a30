import assert from "node:assert/strict";
import fs from "node:fs";
import { builtinModules } from "node:module";
import path from "node:path";
import { test } from "node:test";
import ts from "typescript";

/**
 * The layers of this project as data: which room may import which. A room is a folder; whoever wants a new edge changes
 * this table, and that line of the diff is what a reviewer looks at. ARCHITECTURE.md explains the rooms.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  "src/protocol": [],
  "src/extension": ["src/protocol"],
  webview: ["src/protocol"],

  // The engine, from the bottom up. Every room may import src/protocol.
  "src/engine/graph": [],
  "src/engine/autodiff": ["graph"],
  "src/engine/metrics": [],
  "src/engine/data": [],
  "src/engine/rewards": ["metrics", "data"],
  "src/engine/tasks": ["rewards", "metrics", "data"],
  "src/engine/lint": ["tasks", "rewards", "metrics", "data"],
  "src/engine/video": [],
  "src/engine/store": [],
  "src/engine/hosts": ["rewards", "metrics"],
  "src/engine/score": ["hosts", "tasks", "rewards", "metrics", "data", "store"],
  "src/engine/imports": ["tasks", "rewards", "metrics", "data", "store"],
  "src/engine/runtime": ["graph"],
  "src/engine/policy": ["runtime", "autodiff", "graph", "video"],
  "src/engine/rollout": ["policy", "runtime"],
  "src/engine/grpo": ["policy", "graph"],
  "src/engine/sft": ["policy", "graph"],
  "src/engine/evaluate": ["tasks", "metrics", "data"],
  "src/engine/report": ["evaluate", "metrics", "store", "video"],
  "src/engine/run": ["grpo", "score", "evaluate", "tasks", "rewards", "metrics", "data", "store", "video"],
  "src/engine/embedded": ["run", "grpo", "sft", "rollout", "policy", "runtime", "graph", "video"],
  "src/engine/chat": ["embedded", "run", "tasks", "data", "store", "video"],
  "src/engine/samples": ["video"],
  "src/engine/server": [
    "chat",
    "embedded",
    "report",
    "run",
    "score",
    "imports",
    "hosts",
    "lint",
    "data",
    "store",
    "video",
    "samples",
    "runtime",
  ],
  "src/engine/cli": [
    "server",
    "report",
    "run",
    "score",
    "imports",
    "evaluate",
    "lint",
    "tasks",
    "data",
    "store",
    "video",
  ],
};

/** Pure rooms: functions of their arguments. No Node module, no clock, no random source. */
const pureRooms = ["graph", "autodiff", "metrics", "rewards", "tasks"].map((room) => `src/engine/${room}`);

/** Who may import a package or a Node module. What is not listed may be imported by every room that is not pure. */
const packages: readonly { readonly name: RegExp; readonly by: RegExp; readonly why: string }[] = [
  { name: /^vscode$/, by: /^src\/extension\//, why: "the engine and the pages run without VS Code" },
  {
    name: /^onnxruntime/,
    by: /^src\/engine\/runtime\//,
    why: "one room knows the runtime, so that another can take its place",
  },
  {
    name: /^(node:)?child_process$/,
    by: /^src\/(extension\/|engine\/(video|hosts|run|server|cli|store)\/)/,
    why: "processes have one owner each",
  },
  { name: /^ffmpeg-static$/, by: /^src\/engine\/video\//, why: "one room runs ffmpeg" },
  {
    name: /^hyparquet(-compressors)?$/,
    by: /^src\/engine\/(imports\/|data\/annotationFiles\.ts)/,
    why: "logs of other programs and annotations come as Parquet, nothing else",
  },
  { name: /^uplot/, by: /^webview\//, why: "it draws pages" },
  { name: /^mediabunny$/, by: /^src\/engine\/video\//, why: "one room reads video containers" },
  {
    name: /^vscode-jsonrpc/,
    by: /^src\/(extension|engine\/(server|cli|run))\//,
    why: "rooms below know no wire",
  },
  {
    name: /^@vscode\/l10n$/,
    by: /^(src\/extension|webview)\//,
    why: "the engine and the command line speak English, as logs and records do",
  },
  { name: /^@vscode\/webview-ui-toolkit/, by: /^webview\//, why: "it draws pages" },
];

/** The engine's one look at the manifest: its version. */
const versionFile = "../../../package.json";

/** Rooms without Node: they run in a page, or everywhere. */
const roomsWithoutNode = [/^webview\//, /^src\/protocol\//];

const root = process.cwd();
const ignored = new Set([
  "node_modules",
  "dist",
  "out",
  ".git",
  ".vscode-test",
  ".python-test",
  ".cache",
  "runs",
  "videos",
]);
const everyFile = listFiles("");
const sources = everyFile.filter((file) => /^(src|webview)\/.*\.ts$/.test(file));

test("rooms import only the rooms that the table allows", () => {
  const broken = sources.flatMap((file) => {
    const from = roomOf(file);
    if (from === null) return [`${file}: no room of this name is in the table of ${thisFile}`];
    return importsOf(file)
      .filter((target) => target.startsWith("."))
      .filter((target) => target !== versionFile || !file.startsWith("src/engine/server/"))
      .flatMap((target) => {
        const to = roomOf(path.posix.join(path.posix.dirname(file), target));
        if (to === from || (to !== null && mayImport(from, to))) return [];
        return [
          `${file} imports ${target}: ${from} may import ${allowedText(from)}, not ${to ?? "a file outside src"}`,
        ];
      });
  });
  assertNone(broken, "Move the code to the room where it belongs, or change the table and say why.");
});

test("the table has no cycle", () => {
  const visit = (room: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(room), `cycle in the table: ${[...trail, room].join(" → ")}`);
    for (const next of allowedRooms(room)) visit(next, [...trail, room]);
  };
  for (const room of Object.keys(rooms)) visit(room, []);
});

test("packages and Node modules are imported only where the table allows", () => {
  const broken = sources.flatMap((file) =>
    importsOf(file).flatMap((name) => {
      const rule = packages.find((candidate) => candidate.name.test(name));
      if (rule !== undefined && !rule.by.test(file)) return [`${file} imports ${name}, but ${rule.why}`];
      if (isBuiltin(name) && roomsWithoutNode.some((room) => room.test(file)))
        return [`${file} imports ${name}: no Node here`];
      if (file.startsWith("src/protocol/") && !name.startsWith(".") && !/^zod$/.test(name)) {
        return [`${file} imports ${name}: the protocol knows only its schema library`];
      }
      return [];
    }),
  );
  assertNone(broken, "Import it where the table says and pass the result as a parameter.");
});

test("pure rooms have no files, clock or random source", () => {
  const impure = /\b(Math\.random|Date\.now|new Date|performance\.now|process\.|fetch|setTimeout)\b/;
  const isPure = (file: string): boolean => pureRooms.some((room) => file.startsWith(`${room}/`));
  const broken = sources.filter(isPure).flatMap((file) => [
    ...importsOf(file)
      .filter(isBuiltin)
      .map((name) => `${file} imports ${name}`),
    ...codeLines(file)
      .filter(({ text }) => impure.test(text))
      .map(({ line, text }) => `${file}:${line} uses ${impure.exec(text)?.[0] ?? ""}`),
  ]);
  assertNone(broken, "Take what it needs as a parameter; the caller at the rim has it.");
});

test("one file of the pages imports the toolkit", () => {
  const users = sources.filter((file) => importsOf(file).some((name) => name.startsWith("@vscode/webview-ui-toolkit")));
  assert.ok(
    users.length <= 1,
    `the toolkit is imported in ${users.join(", ")}; use the project's own elements instead`,
  );
});

test("files stay short", () => {
  const long = everyFile
    .filter((file) => /^(src|webview|test|scripts)\/.*\.(ts|mjs|css|py)$/.test(file))
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > 400)
    .map(({ file, lines }) => `${file} has ${lines} lines`);
  assertNone(long, "Split it by noun; 250 lines are a good aim, 400 the limit.");
});

test("text files name no machine, no registry and no unfinished work", () => {
  // Written in pieces, or this file would find itself.
  const forbidden: readonly { readonly what: RegExp; readonly in: RegExp; readonly why: string }[] = [
    {
      what: new RegExp(`(?<![\\w.])/(${["wo" + "rk", "ro" + "ot"].join("|")})/`),
      in: /./,
      why: "a path of one machine",
    },
    {
      what: new RegExp(["registry\\.npm" + "js", "files\\.python" + "hosted", "deb\\.deb" + "ian"].join("|")),
      in: /./,
      why: "a registry host",
    },
    {
      what: new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`),
      in: /./,
      why: "unfinished work",
    },
    {
      what: new RegExp(`\\b(test|it|describe|suite)\\.(${["on" + "ly", "sk" + "ip", "to" + "do"].join("|")})\\(`),
      in: /\.test\.ts$/,
      why: "a test that is switched off",
    },
  ];
  const broken = everyFile
    .filter(isText)
    .flatMap((file) =>
      lines(file).flatMap(({ line, text }) =>
        forbidden
          .filter((rule) => rule.in.test(file) && rule.what.test(text))
          .map((rule) => `${file}:${line}: ${rule.why} (${rule.what.exec(text)?.[0].trim() ?? ""})`),
      ),
    );
  assertNone(broken, "Take it out.");
});

const thisFile = "test/architecture.test.ts";

function roomOf(file: string): string | null {
  const names = Object.keys(rooms).filter((room) => file.startsWith(`${room}/`));
  return names.sort((a, b) => b.length - a.length)[0] ?? null;
}

function allowedRooms(room: string): readonly string[] {
  const listed = rooms[room] ?? [];
  if (!room.startsWith("src/engine/")) return listed;
  return ["src/protocol", ...listed.map((name) => `src/engine/${name}`)];
}

function mayImport(from: string, to: string): boolean {
  return allowedRooms(from).includes(to);
}

function allowedText(room: string): string {
  return allowedRooms(room).join(", ") || "no other room";
}

function importsOf(file: string): string[] {
  return ts.preProcessFile(read(file), true, true).importedFiles.map((imported) => imported.fileName);
}

function isBuiltin(name: string): boolean {
  return name.startsWith("node:") || builtinModules.includes(name);
}

function codeLines(file: string): { line: number; text: string }[] {
  return lines(file).filter(({ text }) => !/^\s*(\/\/|\/?\*)/.test(text));
}

function lines(file: string): { line: number; text: string }[] {
  return read(file)
    .split("\n")
    .map((text, index) => ({ line: index + 1, text }));
}

function read(file: string): string {
  return fs.readFileSync(path.join(root, file), "utf8");
}

function isText(file: string): boolean {
  return /\.(ts|mjs|js|json|jsonc|jsonl|md|css|html|py|yml|txt)$|(^|\/)(LICENSE|run|\.npmrc|\.gitignore)$/.test(file);
}

function listFiles(dir: string): string[] {
  return fs.readdirSync(path.join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const file = dir === "" ? entry.name : `${dir}/${entry.name}`;
    if (entry.isDirectory()) return ignored.has(entry.name) && !file.startsWith("src/") ? [] : listFiles(file);
    return entry.isFile() ? [file] : [];
  });
}

function assertNone(broken: readonly string[], advice: string): void {
  assert.equal(broken.length, 0, `\n${broken.join("\n")}\n${advice}`);
}
