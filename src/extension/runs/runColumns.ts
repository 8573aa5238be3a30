import fs from "node:fs/promises";
import { openIndex } from "../../protocol/messages.ts";
import { decodeIndex, type IndexBlock } from "../../protocol/rolloutIndex.ts";
import type { Engine } from "../engine/engineClient.ts";

interface KnownColumns {
  readonly bytes: number;
  readonly blocks: readonly IndexBlock[];
}

/** Runs whose columns are held: 200,000 rollouts take about 10 MB. */
const heldRuns = 3;

/** Columns of the rollouts of a run (protocol/rolloutIndex.ts), read again when the run has gone on. */
export class RunColumns {
  private readonly engine: Engine;
  private readonly known = new Map<string, KnownColumns>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Blocks in the order of the steps. Errors: those of `openIndex`. */
  async read(runDir: string): Promise<readonly IndexBlock[]> {
    const { file, bytes } = await this.engine.request(openIndex, { runDir });
    const known = this.known.get(runDir);
    if (known?.bytes === bytes) return known.blocks;
    const content = await fs.readFile(file);
    // A block that a step was written over by comes later in the file, and counts.
    const byStep = new Map(decodeIndex(content.subarray(0, bytes)).map((block) => [block.header.step, block]));
    const blocks = [...byStep.values()].sort((a, b) => a.header.step - b.header.step);
    this.known.delete(runDir);
    this.known.set(runDir, { bytes, blocks });
    for (const oldest of this.known.keys()) {
      if (this.known.size <= heldRuns) break;
      this.known.delete(oldest);
    }
    return blocks;
  }
}

/** "<step>/<group>/<k>" of the completion at a place of a block's columns. */
export function rolloutIdAt({ header }: IndexBlock, index: number): string {
  let first = 0;
  for (const { group, size } of header.groups) {
    if (index < first + size) return `${header.step}/${group}/${index - first}`;
    first += size;
  }
  throw new RangeError(`step ${header.step} has ${first} rollouts, asked for number ${index}`);
}
