import { createHash } from "node:crypto";
import { UserError } from "../../protocol/errors.ts";
import type { JudgeSpec } from "../../protocol/rewardSpec.ts";
import type { ParsedAnswer } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { createJudge, JudgeError } from "../hosts/judge.ts";
import { compareEvents, listEvents } from "../rewards/events.ts";
import type { MetricValues } from "../tasks/task.ts";

/** Metrics of captions that a server gives: `event-recall` and `event-precision`, DREAM-1K's AutoDQ. */
export interface CaptionJudge {
  /** What decides its scores, beside the answers. */
  readonly settings: { readonly model: string; readonly questions: string };
  /**
   * None for tasks that it does not know, and where nobody says what is right. A missing answer scores 0.
   * @throws UserError "judge-failed" when the server does not answer as it should; what it has answered is kept
   */
  score(example: Example, answer: ParsedAnswer | null): Promise<MetricValues>;
}

export function createCaptionJudge(spec: JudgeSpec, cacheDir: string): CaptionJudge {
  const judge = createJudge({ cacheDir });
  return {
    settings: { model: spec.model, questions: questionsHash() },
    async score({ truth }, answer): Promise<MetricValues> {
      if (truth.task !== "captioning") return {};
      const { captions, events } = truth;
      const [reference] = captions;
      if (reference === undefined) return {};
      if (answer?.text === undefined) return { "event-recall": 0, "event-precision": 0 };
      try {
        const { recall, precision } = await judge.scoreEvents(spec, { answer: answer.text, reference, events });
        return { "event-recall": recall, "event-precision": precision };
      } catch (error) {
        throw error instanceof JudgeError ? judgeFailed(error) : error;
      }
    },
  };
}

/** sha256 of the wording, hex. */
function questionsHash(): string {
  const text = JSON.stringify([listEvents(""), compareEvents([""], "")]);
  return createHash("sha256").update(text).digest("hex");
}

function judgeFailed(error: JudgeError): UserError {
  const hint =
    "What it has answered is kept; with --out the same command goes on from there. Without evaluate.judge captions are scored by ROUGE-L alone.";
  return new UserError(
    { code: "judge-failed", where: "evaluate.judge", message: error.message, hint },
    { cause: error },
  );
}
