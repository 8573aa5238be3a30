import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { readGroups } from "../../protocol/messages.ts";
import { isFailedGroup } from "../../protocol/records.ts";
import { rolloutScheme } from "../../protocol/rolloutLink.ts";
import { UserError } from "../../protocol/errors.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import { runDirOf } from "../runs/runCommands.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { RolloutDocuments } from "./rolloutDocuments.ts";
import { findRolloutLinks, parseOutsidePath, parseRolloutPath, rolloutId, type RolloutAddress } from "./rolloutUri.ts";

export interface DocumentServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly extensionId: string;
  readonly showRollout: (runDir: string, id: string) => void;
  readonly showError: (error: unknown) => void;
}

type DocumentCommand =
  "videoRft.openRolloutText" | "videoRft.compareRollouts" | "videoRft.copyRolloutLink" | "videoRft.goToRollout";

interface RolloutLink extends vscode.TerminalLink {
  readonly address: RolloutAddress;
}

/** Rollouts as documents, and every way in which one is named: documents, links in terminals, addresses from outside. */
export class DocumentFeature implements Disposable {
  private readonly services: DocumentServices;
  private readonly documents: RolloutDocuments;
  private readonly scope = new DisposableStore();

  readonly handlers: Pick<CommandHandlers, DocumentCommand> = {
    "videoRft.openRolloutText": (_engine, argument) => this.openText(argument),
    "videoRft.compareRollouts": (_engine, argument) => this.compare(argument),
    "videoRft.copyRolloutLink": (argument) => this.copyLink(argument),
    "videoRft.goToRollout": (_engine, argument) => this.goTo(argument),
  };

  constructor(services: DocumentServices) {
    this.services = services;
    this.documents = this.scope.add(new RolloutDocuments(services.engine, services.registry));
    this.scope.add(
      vscode.window.registerTerminalLinkProvider({
        provideTerminalLinks: ({ line }): RolloutLink[] =>
          findRolloutLinks(line).map(({ start, length, address }) => ({
            startIndex: start,
            length,
            tooltip: t("Show this rollout"),
            address,
          })),
        handleTerminalLink: ({ address }: RolloutLink) => this.show(address).catch(services.showError),
      }),
    );
    this.scope.add(
      vscode.window.registerUriHandler({
        handleUri: (uri) => {
          const address = parseOutsidePath(uri.path);
          const message = t("{0} names no rollout: expected /rollout/<run>/<step>/<group>/<number>.", uri.path);
          const shown =
            address === undefined ? Promise.reject(new UserError({ code: "not-found", message })) : this.show(address);
          return shown.catch(services.showError);
        },
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  private async show(address: RolloutAddress): Promise<void> {
    this.services.showRollout(await this.documents.runDirOf(address), rolloutId(address));
  }

  private async openText(argument: unknown): Promise<void> {
    const place = await this.placeOf(argument, t("Open Rollout as Text"));
    if (place === undefined) return;
    const document = await vscode.workspace.openTextDocument(this.documents.uri(place.runDir, place.address));
    await vscode.window.showTextDocument(document, { preview: true });
  }

  /** In VS Code's own diff editor, against another answer to the same example. */
  private async compare(argument: unknown): Promise<void> {
    const place = await this.placeOf(argument, t("Compare Rollout"));
    if (place === undefined) return;
    const other = await this.pickOther(place);
    if (other === undefined) return;
    const [left, right] = [place, other].map(({ runDir, address }) => this.documents.uri(runDir, address));
    const title = [place, other].map(({ address }) => rolloutId(address)).join(" ↔ ");
    await vscode.commands.executeCommand("vscode.diff", left, right, title);
  }

  /** Other answers to the example: those of its group first, then those of other steps and of other runs. */
  private async pickOther(place: RolloutPlace): Promise<RolloutPlace | undefined> {
    const { runDir, address } = place;
    const { group } = await this.documents.read(runDir, address);
    const siblings = group.completions.flatMap(({ id, text, reward }, k) =>
      k === address.completion ? [] : [this.item(runDir, id, `r ${reward?.toFixed(2) ?? "–"}`, text)],
    );
    const others = await this.otherGroups(place, group);
    const separator = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator, place: undefined });
    const items = [
      ...(siblings.length > 0 ? [separator(t("The same group")), ...siblings] : []),
      ...(others.length > 0 ? [separator(t("The same example elsewhere")), ...others] : []),
    ];
    const chosen = await vscode.window.showQuickPick<vscode.QuickPickItem & { place: RolloutPlace | undefined }>(
      items,
      {
        title: t("Compare {0} with…", rolloutId(address)),
        matchOnDescription: true,
        matchOnDetail: true,
      },
    );
    return chosen?.place;
  }

  private async otherGroups(
    { runDir, address }: RolloutPlace,
    { datasetId, exampleId }: { readonly datasetId: string; readonly exampleId: string },
  ) {
    const runDirs = [
      runDir,
      ...this.services.registry.runs.map(({ summary }) => summary.runDir).filter((dir) => dir !== runDir),
    ];
    const items = [];
    for (const dir of runDirs.slice(0, runsCompared)) {
      const blocks = await this.services.columns.read(dir).catch(() => []);
      const places = blocks.flatMap(({ header }) =>
        header.groups
          .filter(({ dataset, example }) => dataset === datasetId && example === exampleId)
          .map(({ group }) => ({ step: header.step, group }))
          .filter(({ step, group }) => dir !== runDir || step !== address.step || group !== address.group),
      );
      const { groups } = await this.services.engine.request(readGroups, {
        runDir: dir,
        places: places.slice(-groupsCompared),
      });
      for (const line of groups) {
        if (isFailedGroup(line)) continue;
        const name = dir === runDir ? "" : ` · ${path.basename(dir)}`;
        items.push(
          ...line.completions.map(({ id, text, reward }) =>
            this.item(dir, id, t("step {0} · r {1}{2}", line.step, reward?.toFixed(2) ?? "–", name), text),
          ),
        );
      }
    }
    return items;
  }

  private item(runDir: string, id: string, description: string, text: string) {
    const [step = 0, group = 0, completion = 0] = id.split("/").map(Number);
    const address = { run: path.basename(runDir), step, group, completion };
    return { label: id, description, detail: text.replaceAll("\n", " ").slice(0, 200), place: { runDir, address } };
  }

  private async copyLink(argument: unknown): Promise<void> {
    const place = await this.placeOf(argument, t("Copy Rollout Link"));
    if (place === undefined) return;
    const { run, ...rest } = place.address;
    const uri = vscode.Uri.from({
      scheme: vscode.env.uriScheme,
      authority: this.services.extensionId,
      path: `/rollout/${run}/${rolloutId(rest)}`,
    });
    const outside = await vscode.env.asExternalUri(uri);
    // Encoded a second time, the query that VS Code has added could not be read.
    await vscode.env.clipboard.writeText(outside.toString(true).replace(/\s/g, encodeURIComponent));
    vscode.window.setStatusBarMessage(`$(link) ${t("Link to the rollout copied")}`, 3000);
  }

  private async goTo(argument: unknown): Promise<void> {
    const place = await this.placeOf(argument, t("Go to Rollout"));
    if (place !== undefined) this.services.showRollout(place.runDir, rolloutId(place.address));
  }

  /** The argument's rollout, that of the document in front, or one that the user names. */
  private async placeOf(argument: unknown, title: string): Promise<RolloutPlace | undefined> {
    const runDir = runDirOf(argument);
    if (runDir !== undefined && typeof argument === "object" && argument !== null && "id" in argument) {
      const address = parseRolloutPath(`/${path.basename(runDir)}/${String(argument.id)}`);
      if (address !== undefined) return { runDir, address };
    }
    const active = vscode.window.activeTextEditor?.document.uri;
    const ofDocument = active?.scheme === rolloutScheme ? parseRolloutPath(active.path) : undefined;
    if (ofDocument !== undefined && active !== undefined) return { runDir: active.query, address: ofDocument };
    const text = await vscode.window.showInputBox({
      title,
      prompt: t("A rollout as run/step/group/number, e.g. from a log"),
      placeHolder: `${rolloutScheme}:/demo-20260101-120000/12/3/5`,
      validateInput: (entered) =>
        readEntered(entered) === undefined ? t("Expected run/step/group/number, with or without rft:/") : undefined,
    });
    const address = text === undefined ? undefined : readEntered(text);
    return address === undefined ? undefined : { runDir: await this.documents.runDirOf(address), address };
  }
}

interface RolloutPlace {
  readonly runDir: string;
  readonly address: RolloutAddress;
}

const runsCompared = 5;
const groupsCompared = 20;

function readEntered(text: string): RolloutAddress | undefined {
  return parseRolloutPath(
    `/${text
      .trim()
      .replace(/^rft:\/*/, "")
      .replace(/^\/+/, "")}`,
  );
}
