import { encodeIndexBlock } from "../../src/protocol/rolloutIndex.ts";
import { sampleGroups } from "./sample.ts";

/** Columns of the sample's first steps, as a run process leaves them. */
export function sampleIndex(steps = 42): Uint8Array {
  const blocks = Array.from({ length: steps }, (_, index) => {
    const lines = sampleGroups(index + 1).map((line, at) => ({ line, offset: 1000 * at, bytes: 1000 }));
    return encodeIndexBlock(index + 1, lines, 5000);
  });
  return new Uint8Array(Buffer.concat(blocks));
}
