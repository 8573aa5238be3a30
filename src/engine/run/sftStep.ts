import { UserError } from "../../protocol/errors.ts";
import { shownVideo } from "../../protocol/video.ts";
import type { Example } from "../data/example.ts";
import { promptOf } from "../tasks/prompt.ts";
import { tasks } from "../tasks/tasks.ts";
import { findDivergence } from "./grpoStep.ts";
import { learningRateAt } from "./learningRate.ts";
import { failedGroupRecord } from "./rolloutRecords.ts";
import { toStepPrompts } from "./step.ts";
import type { StepContext, StepOutcome } from "./step.ts";

/**
 * One step of supervised fine-tuning: cross-entropy on completions that answer with the truth. It has no rollouts; the
 * only lines are those of prompts whose video failed.
 */
export async function sftStep(step: number, examples: readonly Example[], context: StepContext): Promise<StepOutcome> {
  const { spec } = context.record;
  const prompts = toStepPrompts(step, examples, context);
  const learningRate = learningRateAt(step, spec.sft);

  context.enter("updating", 0, 1);
  const startSec = context.nowSec();
  const update = await context.backend.updateOnTargets({
    learningRate,
    targets: prompts.map(({ key, text, example }) => ({
      key,
      text,
      ...shownVideo(example),
      target: tasks[example.task].buildTarget(example, promptOf(spec.prompts, example.task)),
    })),
    next: context.next.map(shownVideo),
  });
  const updateSec = context.nowSec() - startSec;

  const failures = new Map(update.failures.map(({ key, failure }) => [key, failure]));
  const lines = prompts.flatMap((prompt) => {
    const failure = failures.get(prompt.key);
    return failure === undefined ? [] : [failedGroupRecord(step, prompt, failure)];
  });
  const isUpdated = failures.size < prompts.length;
  const firstFailure = lines[0]?.failure;
  const badVideo = firstFailure !== undefined && spec.video.onBadVideo === "fail" ? new UserError(firstFailure) : null;
  return {
    lines,
    tokens: [],
    metrics: {
      failed_prompts: lines.length,
      ...(isUpdated ? { loss: update.loss, grad_norm: update.gradNorm } : {}),
      learning_rate: learningRate,
    },
    tokensSeen: update.tokens,
    times: { decodeSec: 0, sampleSec: 0, rewardSec: 0, updateSec, sampledTokens: 0 },
    problem: badVideo ?? (isUpdated ? findDivergence(step, update) : null),
  };
}
