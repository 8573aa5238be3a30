import { t } from "@vscode/l10n";
import fs from "node:fs/promises";
import * as vscode from "vscode";
import { readGroups, searchFound, searchRollouts } from "../../protocol/messages.ts";
import { isFailedGroup } from "../../protocol/records.ts";
import type { RunReward } from "../../protocol/rewardMessages.ts";
import { UserError } from "../../protocol/errors.ts";
import { rolloutText } from "../documents/rolloutText.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RewardFeature } from "../rewards/rewardFeature.ts";
import { changeText, meanText } from "../rewards/rewardTexts.ts";
import { changeItems } from "../rewards/scoreChanges.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import { requireTrust } from "../runs/runCommands.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { functionText } from "./functionText.ts";
import { queryChanges, queryRollouts, type ChangeQuestion, type RolloutQuestion } from "./rolloutQuery.ts";
import type { ToolName } from "./toolNames.ts";
import { changeTable, link, rolloutTable } from "./toolTexts.ts";

export interface ToolServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly rewards: RewardFeature;
  /** Run of the viewer in front. */
  readonly activeRunDir: () => string | undefined;
}

interface OfRun {
  /** Its name or its folder; the run of the viewer in front, else the newest one. */
  readonly run?: string | undefined;
}

/** What a tool does before and while it runs. `asks`: the user has to agree first. */
interface Tool<Input> {
  readonly says: (input: Input) => string;
  readonly asks?: (input: Input) => { readonly title: string; readonly message: string };
  readonly answer: (input: Input, token: vscode.CancellationToken) => Promise<string>;
}

/** Rollouts and rewards for language models in VS Code. package.json describes the tools to them. */
export class ToolFeature implements Disposable {
  private readonly services: ToolServices;
  private readonly scope = new DisposableStore();
  private lastTask = 0;

  constructor(services: ToolServices) {
    this.services = services;
    this.register<OfRun & RolloutQuestion & { readonly text?: string }>("videoRft_queryRollouts", {
      says: ({ run }) => t("Looking through the rollouts of {0}", run ?? t("the run")),
      answer: async (input, token) => {
        const runDir = await this.runDirOf(input);
        const among = input.text === undefined ? undefined : await this.search(runDir, input.text, token);
        return rolloutTable(runDir, queryRollouts(await this.services.columns.read(runDir), { ...input, among }));
      },
    });
    this.register<OfRun & ChangeQuestion>("videoRft_compareSteps", {
      says: ({ run }) => t("Comparing steps of {0}", run ?? t("the run")),
      answer: async (input) => {
        const runDir = await this.runDirOf(input);
        return changeTable(runDir, queryChanges(await this.services.columns.read(runDir), input));
      },
    });
    this.register<OfRun & { readonly rollout: string }>("videoRft_explainReward", {
      says: ({ rollout }) => t("Reading rollout {0}", rollout),
      answer: async (input) => this.explain(await this.runDirOf(input), input.rollout),
    });
    this.register<OfRun & { readonly reward: string }>("videoRft_rescoreRollouts", {
      says: ({ reward }) => t("Scoring rollouts with {0}", reward),
      asks: ({ reward }) => ({
        title: t("Score rollouts again"),
        message: t(
          "This runs `{0}` of the workspace, as it is saved, on all rollouts of the run. Nothing is written.",
          reward,
        ),
      }),
      answer: async (input) => this.rescore(await this.runDirOf(input), input.reward),
    });
  }

  dispose(): void {
    this.scope.dispose();
  }

  private register<Input extends object>(name: ToolName, { says, asks, answer }: Tool<Input>): void {
    this.scope.add(
      vscode.lm.registerTool<Input>(name, {
        prepareInvocation: ({ input }) => ({
          invocationMessage: says(input),
          ...(asks === undefined ? {} : { confirmationMessages: asks(input) }),
        }),
        invoke: async ({ input }, token) => {
          // What went wrong is for the model to read: it can ask again, better.
          const text = await answer(input, token).catch((error: unknown) => {
            if (token.isCancellationRequested) throw new vscode.CancellationError();
            return `Error: ${thrownText(error)}`;
          });
          return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
        },
      }),
    );
  }

  private async runDirOf({ run }: OfRun): Promise<string> {
    const { registry, activeRunDir } = this.services;
    if (!registry.hasListed) await registry.refresh();
    const summaries = registry.runs.map(({ summary }) => summary);
    const active = activeRunDir();
    const found =
      run === undefined
        ? (summaries.find(({ runDir }) => runDir === active) ?? summaries[0])
        : summaries.find(({ runDir, runId, name }) => [runDir, runId, name].includes(run));
    if (found !== undefined) return found.runDir;
    const names = summaries.map(({ runId }) => runId).join(", ");
    throw new UserError({
      code: "not-found",
      message: run === undefined ? "This workspace has no runs." : `There is no run "${run}"; there are: ${names}.`,
    });
  }

  private async search(runDir: string, pattern: string, token: vscode.CancellationToken): Promise<Set<string>> {
    const { engine } = this.services;
    const task = `tool-${++this.lastTask}`;
    const found = new Set<string>();
    const listening = engine.on(searchFound, ({ task: of, ids }) => {
      if (of === task) for (const id of ids) found.add(id);
    });
    try {
      await engine.request(searchRollouts, { task, runDir, pattern, isRegex: true, isCaseSensitive: false }, token);
    } finally {
      listening.dispose();
    }
    return found;
  }

  private async explain(runDir: string, id: string): Promise<string> {
    const { engine, rewards } = this.services;
    const match = /^(\d+)\/(\d+)\/(\d+)$/.exec(id);
    const [step, group, k] = (match ?? []).slice(1).map(Number);
    if (step === undefined || group === undefined || k === undefined) {
      throw new UserError({
        code: "not-found",
        message: `"${id}" names no rollout: expected <step>/<group>/<number>.`,
      });
    }
    const { groups } = await engine.request(readGroups, { runDir, places: [{ step, group }] });
    const [line] = groups;
    const completion = line === undefined || isFailedGroup(line) ? undefined : line.completions[k];
    if (line === undefined || isFailedGroup(line) || completion === undefined) {
      throw new UserError({ code: "not-found", message: `The run has no rollout ${id}.` });
    }
    const sources = await Promise.all((await rewards.targets.rewardsOf(runDir)).map(sourceText));
    return [`Rollout ${link(runDir, id)}`, fence(rolloutText(line, completion).text, ""), ...sources].join("\n\n");
  }

  private async rescore(runDir: string, reward: string): Promise<string> {
    requireTrust("run reward functions");
    const { rewards } = this.services;
    const targets = await rewards.targets.ofRun(runDir);
    const target = targets.find((one) => one.function === reward);
    if (target === undefined) {
      const names = targets.map((one) => one.function).join(", ");
      const message = `The run has no function "${reward}" of the workspace; it has ${names === "" ? "none" : names}.`;
      throw new UserError({ code: "not-found", message });
    }
    const state = await rewards.score(target);
    if (state?.status !== "scored" || state.summary === null) {
      throw new UserError({ code: "bad-reward", message: state?.problem ?? "A newer save is being scored." });
    }
    const { summary } = state;
    const items = changeItems(summary).map(({ section, label, description, detail, id }) =>
      section ? `\n**${label}**\n` : `- ${link(runDir, id ?? "")} ${description} ${detail}`.trimEnd(),
    );
    const total = summary.before === null ? meanText(summary) : changeText(summary);
    return [`${reward} on ${summary.rollouts} rollouts: ${total}`, ...items].join("\n");
  }
}

/** A reward of a run, with the text of its function as it is saved now. */
async function sourceText({ name, weight, code }: RunReward): Promise<string> {
  if (code === null) return `Reward \`${name}\`, weight ${weight}: built into Video RFT.`;
  const head = `Reward \`${name}\`, weight ${weight}: \`${code.function}\` in ${code.file}, as it is saved now.`;
  const text = await fs.readFile(code.file, "utf8").catch(() => null);
  if (text === null) return `${head} The file cannot be read.`;
  const language = code.file.endsWith(".py") ? "python" : "typescript";
  return `${head}\n\n${fence(functionText(text, code.function, language), language)}`;
}

/** Model output may hold fences of its own. */
function fence(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const mark = "`".repeat(longest + 1);
  return `${mark}${language}\n${text}\n${mark}`;
}
