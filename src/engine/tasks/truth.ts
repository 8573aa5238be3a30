import type { TaskId, Truth } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";

/** The truth of an example of a known task. An example of another task here is a broken invariant. */
export function truthOf<T extends TaskId>(example: Example, task: T): Extract<Truth, { task: T }> {
  if (example.truth.task !== task) {
    throw new Error(`internal: example ${example.datasetId}/${example.id} is of ${example.truth.task}, not ${task}`);
  }
  // SAFETY: the discriminant was compared just above.
  return example.truth as Extract<Truth, { task: T }>;
}
