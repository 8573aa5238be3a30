import { t } from "@vscode/l10n";
import { decodeIndex } from "../../../src/protocol/rolloutIndex.ts";
import { whenChanged } from "../../dom.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch } from "../view/view.ts";
import type { IndexSource } from "./listState.ts";
import { buildTable } from "./rolloutTable.ts";

/** Reads the file that the host has named and makes the list's table of it; an older file that comes late is dropped. */
export function createIndexLoader(dispatch: Dispatch): { render(state: ViewerState): void } {
  const load = whenChanged((source: IndexSource | null) => {
    if (source === null) return;
    readIndex(source).then(
      (bytes) => dispatch({ kind: "listTable", source, table: buildTable(decodeIndex(bytes)) }),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        dispatch({ kind: "listProblem", source, problem: t("The list of rollouts cannot be read: {0}", reason) });
      },
    );
  });
  // A long run's table takes a moment to make: the rollouts that are looked at go first.
  return { render: (state) => load(isShowing(state) ? state.list.source : null) };
}

/** Whether the page shows what it was opened for, as far as there is anything. */
function isShowing({ run, loaded }: ViewerState): boolean {
  return loaded !== null || (run !== null && run.rolloutSteps.length === 0);
}

/** The blocks that the host has told of: what is added meanwhile comes with its next word. */
async function readIndex({ uri, bytes }: IndexSource): Promise<Uint8Array> {
  const response = await fetch(uri, { cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer()).subarray(0, bytes);
}
