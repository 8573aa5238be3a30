import type { TaskId } from "../../protocol/tasks.ts";
import { captioning, classification, openTask } from "./free-text/tasks.ts";
import { groundedQa } from "./grounded-qa/task.ts";
import { multipleChoice } from "./multiple-choice/task.ts";
import type { Task } from "./task.ts";
import { temporalGrounding } from "./temporal-grounding/task.ts";
import { tracking } from "./tracking/task.ts";

/** Every task by its id; a new task is one folder and one row here. */
export const tasks: Readonly<Record<TaskId, Task>> = {
  "temporal-grounding": temporalGrounding,
  tracking,
  "grounded-qa": groundedQa,
  "multiple-choice": multipleChoice,
  classification,
  captioning,
  open: openTask,
};
