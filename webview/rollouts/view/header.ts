import { t } from "@vscode/l10n";
import type { ViewerRun, ViewerToHost } from "../../../src/protocol/view.ts";
import { checkbox, iconButton, numberField, textButton } from "../../controls.ts";
import { element, setAttribute, setHidden, setText, setTitle, whenChanged } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { runStatus } from "../runStatus.ts";
import { latestStep } from "../state.ts";
import { createRewardCurve } from "./rewardCurve.ts";
import { createToolbar } from "./toolbar.ts";
import type { Dispatch, View } from "./view.ts";

type RunCommand = Extract<ViewerToHost, { kind: "runCommand" }>["command"];

/** Run name and state, the reward curve, and the choice of the step. */
export function createHeader(dispatch: Dispatch, runCommand: (command: RunCommand) => void): View {
  const toolbar = createToolbar(dispatch);
  const runBar = createRunBar(runCommand, toolbar.node);
  const curve = createRewardCurve(dispatch);
  const picker = createStepPicker(dispatch);
  const node = element("header", { class: "header" }, [
    runBar.node,
    element("div", { class: "step-bar" }, [curve.node, picker.node]),
  ]);
  return {
    node,
    render: (state) => {
      runBar.render(state);
      curve.render(state);
      picker.render(state);
      toolbar.render(state);
    },
  };
}

function createRunBar(runCommand: (command: RunCommand) => void, toolbar: HTMLElement): View {
  const name = element("h1", { class: "run-name", text: t("Rollouts") });
  const dot = element("span", { class: "run-dot", attributes: { "aria-hidden": "true" } });
  const status = element("span", { class: "run-status", text: t("Waiting for the run…") });
  const stop = textButton(t("Stop run"), "secondary", () => runCommand("stopRun"));
  const resume = textButton(t("Resume run"), "primary", () => runCommand("resumeRun"));
  const log = textButton(t("Show log"), "secondary", () => runCommand("showLog"));
  const error = element("div", { class: "notice", role: "alert" });
  const node = element("div", { class: "run" }, [
    element("div", { class: "run-bar" }, [
      name,
      element("span", { class: "run-state" }, [dot, status]),
      toolbar,
      element("div", { class: "run-buttons" }, [stop.node, resume.node, log.node]),
    ]),
    error,
  ]);
  const renderRun = whenChanged((run: ViewerRun | null) => {
    const view = run === null ? null : runStatus(run);
    setText(name, run?.name ?? t("Rollouts"));
    setTitle(name, run?.runDir ?? "");
    setText(status, view?.text ?? t("Waiting for the run…"));
    setAttribute(dot, "data-tone", view?.tone ?? "idle");
    stop.setVisible(view?.canStop ?? false);
    resume.setVisible(view?.canResume ?? false);
    log.setVisible(run !== null);
    const data = run?.state.error;
    setHidden(error, data === undefined);
    const details = [data?.where, data?.hint].filter((text) => text !== undefined).join(" · ");
    if (data !== undefined) {
      error.replaceChildren(
        icon("error"),
        element("span", {}, [
          element("span", { text: data.message }),
          element("span", { class: "notice-detail", text: details }),
        ]),
      );
    }
  });
  return { node, render: (state) => renderRun(state.run) };
}

function createStepPicker(dispatch: Dispatch): View {
  const previous = iconButton("chevronLeft", t("Previous step"), () => act("previousStep"));
  const next = iconButton("chevronRight", t("Next step"), () => act("nextStep"));
  const field = numberField(t("Step"), (step) => dispatch({ kind: "selectStep", step }));
  const total = element("span", { class: "step-total" });
  const follow = checkbox(t("Follow"), t("Show each new step as it arrives"), (following) =>
    dispatch({ kind: "follow", following }),
  );
  const hint = textButton("", "secondary", () => dispatch({ kind: "follow", following: true }));
  hint.node.classList.add("new-step");
  field.node.classList.add("step-field");
  const node = element("div", { class: "step-picker" }, [
    element("span", { class: "step-word", text: t("Step"), attributes: { "aria-hidden": "true" } }),
    previous.node,
    field.node,
    next.node,
    total,
    follow.node,
    hint.node,
  ]);
  return {
    node,
    render: (state) => {
      const steps = state.run?.rolloutSteps ?? [];
      const step = state.selection?.step ?? null;
      const index = step === null ? -1 : steps.indexOf(step);
      const latest = latestStep(state.run);
      setHidden(node, steps.length === 0);
      field.setValue(step);
      setText(total, latest === null ? "" : t("of {0}", latest));
      previous.setEnabled(index > 0);
      next.setEnabled(index >= 0 && index < steps.length - 1);
      follow.setChecked(state.selection?.following ?? false);
      const isBehind = latest !== null && step !== null && latest > step && state.selection?.following === false;
      hint.setVisible(isBehind && state.run?.alive === true);
      hint.setLabel(latest === null ? "" : t("Go to step {0}", latest));
    },
  };

  function act(action: "previousStep" | "nextStep"): void {
    dispatch({ kind: "action", action });
  }
}
