import { t } from "@vscode/l10n";
import { UserError } from "../../protocol/errors.ts";
import { openFrames, openIndex, readGroups, readStep, readTokenTexts } from "../../protocol/messages.ts";
import { scoreEdited } from "../../protocol/rewardMessages.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import type { RolloutSearch } from "./rolloutSearch.ts";
import type { ViewerPorts } from "./viewerHost.ts";

export interface EnginePortParts {
  readonly engine: Engine;
  readonly columns: RunColumns;
  readonly search: RolloutSearch;
  readonly isTrusted: () => boolean;
}

type EnginePorts = Pick<
  ViewerPorts,
  "step" | "frames" | "index" | "columns" | "search" | "tokens" | "scoreEdited" | "group"
>;

/** What the viewer of a run reads through the engine. */
export function enginePorts(runDir: string, { engine, columns, search, isTrusted }: EnginePortParts): EnginePorts {
  return {
    step: async (step) => (await engine.request(readStep, { runDir, step })).groups,
    frames: async (step, group) => (await engine.request(openFrames, { runDir, step, group })).files,
    index: () => engine.request(openIndex, { runDir }),
    columns: (dir) => columns.read(dir),
    search: (query, signal, onFound) => search.find({ runDir, ...query }, signal, onFound),
    tokens: async (id) => {
      const [step = 0, group = 0, completion = 0] = id.split("/").map(Number);
      return (await engine.request(readTokenTexts, { runDir, step, group, completion })).tokens;
    },
    scoreEdited: async (step, group, texts) => {
      if (!isTrusted()) throw untrusted();
      return (await engine.request(scoreEdited, { runDir, step, group, texts })).completions;
    },
    group: async (dir, step, group) =>
      (await engine.request(readGroups, { runDir: dir, places: [{ step, group }] })).groups[0] ?? null,
  };
}

function untrusted(): UserError {
  return new UserError({
    code: "not-trusted",
    message: t("Rewards are code of this workspace, which is not trusted."),
    hint: t("Use Workspaces: Manage Workspace Trust first."),
  });
}
