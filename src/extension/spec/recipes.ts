import { t } from "@vscode/l10n";

/** A run specification to begin with: a file of examples/recipes. */
export interface Recipe {
  readonly file: string;
  readonly label: string;
  readonly detail: string;
}

/** Those that need nothing of this project's own folders. */
export const recipes: readonly Recipe[] = [
  {
    file: "lora-24gb.rft.json",
    label: t("Adapters on Qwen2.5-VL-3B"),
    detail: t("Temporal grounding with LoRA, sized for 24 GB of memory."),
  },
  {
    file: "videochat-r1-grounding.rft.json",
    label: t("VideoChat-R1: temporal grounding"),
    detail: t("All weights of Qwen2.5-VL-7B on Charades-STA, with the published hyper-parameters."),
  },
  {
    file: "videochat-r1-tracking.rft.json",
    label: t("VideoChat-R1: tracking"),
    detail: t("All weights of Qwen2.5-VL-7B on GOT-10k, with the published hyper-parameters."),
  },
  {
    file: "videochat-r1-grounded-qa.rft.json",
    label: t("VideoChat-R1: grounded QA"),
    detail: t("All weights of Qwen2.5-VL-7B on NExT-GQA, with the published hyper-parameters."),
  },
  {
    file: "videochat-r1-multi-task.rft.json",
    label: t("VideoChat-R1: all three"),
    detail: t("Temporal grounding, tracking and grounded QA together."),
  },
];
