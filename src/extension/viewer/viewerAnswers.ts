import { t } from "@vscode/l10n";
import type { TokenDetail } from "../../protocol/messages.ts";
import type { RolloutLine } from "../../protocol/records.ts";
import type { EditedCompletion } from "../../protocol/rewardMessages.ts";
import type { IndexBlock } from "../../protocol/rolloutIndex.ts";
import type { OtherRun, SearchQuery, ViewerAnswer, ViewerQuery } from "../../protocol/viewerQueries.ts";
import { UserError } from "../../protocol/errors.ts";
import { thrownText } from "../errorText.ts";
import { placesOfPrompt } from "./promptPlaces.ts";

/** What the answers to a viewer's queries are read from. All but `search` and `scoreEdited` read files only. */
export interface AnswerPorts {
  /** File with the columns of the run's rollouts. */
  index(): Promise<{ readonly file: string; readonly bytes: number; readonly steps: number }>;
  columns(runDir: string): Promise<readonly IndexBlock[]>;
  /** Tells the ids of rollouts that match as they are found; `searched` counts those that were looked at. */
  search(
    query: SearchQuery,
    signal: AbortSignal,
    onFound: (ids: readonly string[], searched: number) => void,
  ): Promise<{ readonly searched: number }>;
  tokens(id: string): Promise<readonly TokenDetail[] | null>;
  /** Runs code of the workspace. */
  scoreEdited(step: number, group: number, texts: readonly (string | null)[]): Promise<readonly EditedCompletion[]>;
  /** Newest first. */
  runs(): readonly OtherRun[];
  /** null when the run has no such group. */
  group(runDir: string, step: number, group: number): Promise<RolloutLine | null>;
  openShortcuts(): void;
  /** Address of a local file for the page. */
  toUri(file: string): string;
  post(message: ViewerAnswer): void;
  failed(error: unknown): void;
}

type ScoreEdited = Extract<ViewerQuery, { kind: "scoreEdited" }>;

/** Answers what the page of one viewer asks for beyond steps and frames. A query that fails is answered with the reason. */
export class ViewerAnswers {
  private readonly ports: AnswerPorts;
  private search: AbortController | undefined;
  /** Newest edit that has not been asked for yet: a drag makes them faster than rewards are computed. */
  private nextEdit: ScoreEdited | undefined;
  private isScoring = false;

  constructor(ports: AnswerPorts) {
    this.ports = ports;
  }

  async receive(query: ViewerQuery): Promise<void> {
    switch (query.kind) {
      case "needIndex":
        return this.answer("index", this.index(), (reason) => ({ kind: "index", index: null, reason }));
      case "search":
        return this.find(query);
      case "stopSearch":
        return this.stop();
      case "needTokens": {
        const { id } = query;
        const read = this.ports.tokens(id).then((tokens): ViewerAnswer => ({ kind: "tokens", id, tokens }));
        return this.answer("tokens", read, (reason) => ({ kind: "tokens", id, tokens: null, reason }));
      }
      case "scoreEdited":
        return this.scoreEdited(query);
      case "needRuns":
        return this.ports.post({ kind: "runs", runs: this.ports.runs() });
      case "needPlaces": {
        const { runDir, dataset, example } = query;
        const answer = { kind: "places", runDir, dataset, example } as const;
        const read = this.ports
          .columns(runDir)
          .then((blocks): ViewerAnswer => ({ ...answer, places: placesOfPrompt(blocks, query) }));
        return this.answer("places", read, (reason) => ({ ...answer, places: [], reason }));
      }
      case "needOther": {
        const { runDir, step, group } = query;
        const answer = { kind: "other", runDir, step, group } as const;
        const read = this.ports.group(runDir, step, group).then((line): ViewerAnswer => {
          return line === null
            ? { ...answer, line, reason: t("These rollouts are not on disk.") }
            : { ...answer, line };
        });
        return this.answer("other", read, (reason) => ({ ...answer, line: null, reason }));
      }
      case "openShortcuts":
        return this.ports.openShortcuts();
    }
  }

  /** Ends what goes on for a page that is gone. */
  stop(): void {
    this.search?.abort();
    this.search = undefined;
    this.nextEdit = undefined;
  }

  private async index(): Promise<ViewerAnswer> {
    const { file, bytes, steps } = await this.ports.index();
    return { kind: "index", index: { uri: this.ports.toUri(file), bytes, steps } };
  }

  private async find({ task, ...query }: SearchQuery): Promise<void> {
    this.search?.abort();
    const search = new AbortController();
    this.search = search;
    let searchedSoFar = 0;
    const tell = (ids: readonly string[], searched: number, isDone: boolean, reason?: string): void => {
      searchedSoFar = searched;
      if (this.search === search) this.ports.post({ kind: "found", task, ids, searched, isDone, reason });
    };
    try {
      const found = (ids: readonly string[], searched: number): void => tell(ids, searched, false);
      const { searched } = await this.ports.search({ task, ...query }, search.signal, found);
      tell([], searched, true);
    } catch (error) {
      tell([], searchedSoFar, true, thrownText(error));
      if (!search.signal.aborted && !UserError.is(error)) this.ports.failed(error);
    }
  }

  private async scoreEdited(query: ScoreEdited): Promise<void> {
    this.nextEdit = query;
    if (this.isScoring) return;
    this.isScoring = true;
    try {
      for (let edit = this.takeEdit(); edit !== undefined; edit = this.takeEdit()) {
        const { step, group, version, texts } = edit;
        const answer = { kind: "edited", step, group, version } as const;
        const scored = this.ports
          .scoreEdited(step, group, texts)
          .then((completions): ViewerAnswer => ({ ...answer, completions }));
        await this.answer("edited", scored, (reason) => ({ ...answer, completions: null, reason }));
      }
    } finally {
      this.isScoring = false;
    }
  }

  private takeEdit(): ScoreEdited | undefined {
    const edit = this.nextEdit;
    this.nextEdit = undefined;
    return edit;
  }

  private async answer(
    kind: ViewerAnswer["kind"],
    answered: Promise<ViewerAnswer>,
    refused: (reason: string) => ViewerAnswer,
  ): Promise<void> {
    try {
      this.ports.post(await answered);
    } catch (error) {
      this.ports.post(refused(thrownText(error)));
      if (!UserError.is(error)) this.ports.failed(new Error(`internal: no answer (${kind})`, { cause: error }));
    }
  }
}
