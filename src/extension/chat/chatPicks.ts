import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { listChatExamples, type ChatExample } from "../../protocol/chat.ts";
import type { RunDetails } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { findSpecs } from "../runs/runFolders.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import type { ChosenVideo, NamedSource } from "./chatHost.ts";
import { folderSource, runsReadForCheckpoints, sourceItems } from "./chatSources.ts";

const videoEndings = ["mp4", "webm", "mkv", "avi", "mov"];
const mostVideos = 2000;

/** Asks what to talk to. */
export async function chooseSource(registry: RunRegistry, title: string): Promise<NamedSource | undefined> {
  const chosen = await vscode.window.showQuickPick(listSources(registry), {
    title,
    placeHolder: t("Choose a checkpoint, the model of a specification, or a folder"),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen === undefined || chosen.named !== null) return chosen?.named ?? undefined;
  const picked = await vscode.window.showOpenDialog({
    title,
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: t("Talk to This Checkpoint"),
  });
  return picked?.[0] === undefined ? undefined : folderSource(picked[0].fsPath);
}

async function listSources(registry: RunRegistry) {
  await registry.refresh();
  const { runs } = registry;
  const details = new Map<string, Pick<RunDetails, "checkpoints">>();
  await Promise.all(
    runs.slice(0, runsReadForCheckpoints).map(async ({ summary: { runDir } }) => {
      // A run that cannot be read is offered by what is known of it.
      const read = await registry.details(runDir).catch(() => undefined);
      if (read !== undefined) details.set(runDir, read);
    }),
  );
  const specs = await findSpecs();
  return [
    ...sourceItems(
      runs,
      details,
      specs.map(({ fsPath }) => fsPath),
    ),
  ];
}

/** Asks for a video of the workspace, or any other. */
export async function chooseVideo(): Promise<ChosenVideo | undefined> {
  const chosen = await vscode.window.showQuickPick(videoItems(), {
    title: t("Video"),
    placeHolder: t("Choose what to ask about"),
    matchOnDescription: true,
  });
  if (chosen === undefined) return undefined;
  if (chosen.file !== null) return videoOf(chosen.file);
  const picked = await vscode.window.showOpenDialog({
    title: t("Video"),
    openLabel: t("Ask about This Video"),
    filters: { [t("Videos")]: videoEndings, [t("All files")]: ["*"] },
  });
  return picked?.[0] === undefined ? undefined : videoOf(picked[0].fsPath);
}

/** Asks for an example of the data that a policy's specification names. */
export async function chooseExample(
  engine: Engine,
  policyId: string,
): Promise<{ example: ChatExample; name: string } | undefined> {
  const listed = engine.request(listChatExamples, { id: policyId });
  const items = listed.then(({ examples }) =>
    examples.map((example) => ({
      label: example.question,
      description: `${example.dataset} · ${example.task}`,
      detail: nameOf(example),
      example,
    })),
  );
  const chosen = await vscode.window.showQuickPick(items, {
    title: t("Example"),
    placeHolder: t("Choose an example of the data to ask about"),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen === undefined ? undefined : { example: chosen.example, name: nameOf(chosen.example) };
}

/** The first file among dropped URIs. */
export function droppedVideo(uris: readonly string[]): ChosenVideo | undefined {
  const parsed = uris.map((uri) => vscode.Uri.parse(uri));
  const file = parsed.find(({ scheme }) => scheme === "file" || scheme === "vscode-remote");
  return file === undefined ? undefined : videoOf(file.fsPath);
}

interface VideoItem extends vscode.QuickPickItem {
  /** null: any other. */
  readonly file: string | null;
}

async function videoItems(): Promise<readonly VideoItem[]> {
  const pattern = `**/*.{${videoEndings.join(",")}}`;
  const found = await vscode.workspace.findFiles(pattern, "**/node_modules/**", mostVideos);
  const files = found.map(({ fsPath }) => fsPath).sort((a, b) => a.localeCompare(b));
  return [
    ...files.map((file) => ({
      label: path.basename(file),
      description: vscode.workspace.asRelativePath(path.dirname(file)),
      file,
    })),
    { label: `$(folder-opened) ${t("Choose a file…")}`, file: null },
  ];
}

function videoOf(file: string): ChosenVideo {
  return { file, name: vscode.workspace.asRelativePath(file) };
}

function nameOf({ videoPath, clip }: ChatExample): string {
  const name = vscode.workspace.asRelativePath(videoPath);
  return clip === undefined ? name : t("{0} from {1} to {2} s", name, clip.startSec, clip.endSec);
}
