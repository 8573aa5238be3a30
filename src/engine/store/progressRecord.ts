/**
 * progress.json of a checkpoint: what a run needs beside the weights to go on exactly. Random draws are functions of the
 * seed and of counters (step, group, epoch), so the cursor is the whole random state.
 */
export interface ProgressRecord {
  readonly version: number;
  readonly step: number; // finished steps
  readonly cursor: DataCursor;
  /** Prompt and completion tokens of all steps so far (TRL: num_tokens). */
  readonly tokensSeen: number;
  /** Lengths of the files at the checkpoint; what lies behind them came later. */
  readonly bytes: { readonly metrics: number; readonly timings: number; readonly rollouts: number };
}

/** Where the drawing of prompts stands. */
export interface DataCursor {
  /** Draws so far, over all datasets. */
  readonly draws: number;
  /** By dataset id: passes begun before this one, and the position in the present one. */
  readonly datasets: Readonly<Record<string, { readonly epoch: number; readonly position: number }>>;
}
