import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { viewerActions } from "../../src/protocol/view.ts";
import { toolNames } from "../../src/extension/tools/toolNames.ts";
import {
  commandTable,
  contextKeys,
  contributedCommands,
  contributedKeybindings,
  hiddenFromPalette,
  trustCondition,
} from "../../src/extension/commands.ts";
import { keyText, viewerCommandId, viewerCommandTable, viewerShortcuts } from "../../src/extension/viewerCommands.ts";

interface ToolRow {
  readonly name: string;
  readonly when?: string;
  readonly modelDescription: string;
  readonly inputSchema: {
    readonly required?: readonly string[];
    readonly properties: Readonly<Record<string, unknown>>;
  };
}

interface MenuItem {
  readonly command: string;
  readonly when: string;
  readonly group: string;
}

interface Manifest {
  readonly main: string;
  readonly extensionKind: readonly string[];
  readonly activationEvents: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly supported: string; readonly restrictedConfigurations: readonly string[] };
    readonly virtualWorkspaces: { readonly supported: boolean };
  };
  readonly contributes: {
    readonly languageModelTools: readonly ToolRow[];
    readonly commands: readonly { readonly command: string; readonly icon?: string }[];
    readonly keybindings: unknown;
    readonly languages: readonly { readonly id: string; readonly extensions: readonly string[] }[];
    readonly jsonValidation: readonly { readonly fileMatch: string; readonly url: string }[];
    readonly menus: Readonly<Record<string, readonly MenuItem[]>>;
    readonly viewsWelcome: readonly { readonly contents: string; readonly when?: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly scope: string }>> };
    readonly walkthroughs: readonly {
      readonly steps: readonly { id: string; description: string; media: { svg: string } }[];
    }[];
    readonly viewsContainers: { readonly activitybar: readonly { readonly id: string; readonly icon: string }[] };
  };
}

const root = process.cwd();
const texts = JSON.parse(fs.readFileSync(path.join(root, "package.nls.json"), "utf8")) as Readonly<
  Record<string, string>
>;
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as Manifest;
const { contributes } = manifest;

test("package.json contributes exactly the commands of the table, in its order", () => {
  assert.deepEqual(contributes.commands, contributedCommands());
});

test("what needs a row, a lens or a link to say what it acts on is not in the palette", () => {
  assert.deepEqual(contributes.menus["commandPalette"], hiddenFromPalette());
});

test("package.json contributes exactly the keys of the table", () => {
  assert.deepEqual(contributes.keybindings, contributedKeybindings());
});

test("every viewer action is a command with a key of its own, which acts on the focused page only", () => {
  assert.deepEqual(new Set(Object.keys(viewerCommandTable)), new Set(viewerActions.map(viewerCommandId)));
  const keybindings = contributedKeybindings();
  const keys = viewerActions.map(
    (action) => keybindings.find((binding) => binding.command === viewerCommandId(action))?.key,
  );
  assert.equal(new Set(keys).size, viewerActions.length);
  assert.ok(!keys.includes(undefined));
  for (const { when } of keybindings) assert.match(when, new RegExp(`^${contextKeys.viewerFocused} && !inputFocus`));
});

test("the cheat sheet has every viewer command under its heading, with its key as people write it", () => {
  const shortcuts = viewerShortcuts(false);
  assert.deepEqual(
    [...new Set(shortcuts.map(({ section }) => section))],
    ["Go to", "Play", "Look closer", "Find and compare", "What if"],
  );
  assert.equal(shortcuts.length, viewerActions.length);
  assert.equal(shortcuts.find(({ title }) => title === "Previous Group")?.key, "Shift+G");
  const keys = ["space", "shift+right", "shift+/", "shift+[", "n"];
  assert.deepEqual(
    keys.map((key) => keyText(key, false)),
    ["Space", "Shift+→", "?", "{", "N"],
  );
  assert.equal(keyText("shift+home", true), "⇧Home");
});

test("what executes something of the workspace is off without trust", () => {
  const off = contributedCommands().filter(({ enablement }) => enablement === trustCondition);
  assert.deepEqual(
    off.map(({ command }) => command),
    [
      "videoRft.startRun",
      "videoRft.resumeRun",
      "videoRft.scoreRollouts",
      "videoRft.debugReward",
      "videoRft.debugRewardWhere",
    ],
  );
  const { untrustedWorkspaces, virtualWorkspaces } = manifest.capabilities;
  assert.equal(untrustedWorkspaces.supported, "limited");
  assert.equal(virtualWorkspaces.supported, false);
  assert.deepEqual(manifest.extensionKind, ["workspace"]);
  // A workspace must not choose a program that is run, or folders that are read, before it is trusted.
  assert.deepEqual(untrustedWorkspaces.restrictedConfigurations, [
    "videoRft.ffmpegPath",
    "videoRft.python",
    "videoRft.cacheDir",
    "videoRft.runFolders",
  ]);
  assert.equal(contributes.configuration.properties["videoRft.ffmpegPath"]?.scope, "machine-overridable");
});

test("package.json describes exactly the tools that are registered, each with a schema of its input", () => {
  const tools = contributes.languageModelTools;
  assert.deepEqual(
    tools.map(({ name }) => name),
    toolNames,
  );
  for (const { modelDescription, inputSchema } of tools) {
    assert.ok(modelDescription.length > 80);
    assert.deepEqual(
      (inputSchema.required ?? []).filter((key) => !(key in inputSchema.properties)),
      [],
    );
  }
  assert.equal(tools.find(({ name }) => name === "videoRft_rescoreRollouts")?.when, trustCondition);
});

test("menus and links name commands of the table", () => {
  const ids = new Set(Object.keys(commandTable));
  const menus = Object.values(contributes.menus).flat();
  const linked = Object.values(texts).flatMap((text) =>
    [...text.matchAll(/\(command:([\w.]+)/g)].map((match) => match[1] ?? ""),
  );
  const ours = [...menus.map(({ command }) => command), ...linked.filter((id) => id.startsWith("videoRft."))];
  assert.ok(linked.length > 5);
  assert.deepEqual(
    ours.filter((id) => !ids.has(id)),
    [],
  );
});

test("a row of the Runs view has at most three inline actions, each with an icon", () => {
  const inline = (contributes.menus["view/item/context"] ?? []).filter(({ group }) => group.startsWith("inline"));
  for (const status of ["running", "stopping", "stopped", "finished", "failed", "crashed"]) {
    const shown = inline.filter(({ when }) => {
      const pattern = /viewItem =~ \/(.*)\/$/.exec(when)?.[1] ?? "$.";
      return new RegExp(pattern).test(`run.${status}`);
    });
    assert.ok(shown.length >= 1 && shown.length <= 3, `${status}: ${shown.length}`);
    for (const { command } of shown) {
      assert.notEqual(contributes.commands.find((row) => row.command === command)?.icon, undefined, command);
    }
  }
});

test("the specification's ending is a language with a schema, and activates the extension", () => {
  assert.deepEqual(contributes.languages, [{ id: "jsonc", extensions: [".rft.json"] }]);
  assert.deepEqual(contributes.jsonValidation, [
    { fileMatch: "*.rft.json", url: "./dist/schemas/run-spec.schema.json" },
  ]);
  assert.deepEqual(manifest.activationEvents, [
    "workspaceContains:**/*.rft.json",
    "workspaceContains:**/*.cases.jsonl",
    "onWebviewPanel:videoRft.rollouts",
    "onWebviewPanel:videoRft.dashboard",
    "onWebviewPanel:videoRft.chat",
  ]);
});

test("the walkthrough goes from a look at the machine to one's own data", () => {
  assert.deepEqual(
    contributes.walkthroughs.map(({ steps }) => steps.map(({ id }) => id)),
    [["doctor", "demo", "rollouts", "reward", "spec"]],
  );
});

test("the icons are there, and can be drawn in one colour", () => {
  const icons = contributes.viewsContainers.activitybar.map(({ icon }) => icon);
  const media = contributes.walkthroughs.flatMap(({ steps }) => steps.map((step) => step.media.svg));
  for (const file of [...icons, ...media]) assert.match(fs.readFileSync(path.join(root, file), "utf8"), /^<svg /);
  const [icon = ""] = icons;
  assert.doesNotMatch(fs.readFileSync(path.join(root, icon), "utf8"), /#[0-9a-f]{3,6}|rgb/i);
});
