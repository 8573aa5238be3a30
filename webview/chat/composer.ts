import { t } from "@vscode/l10n";
import { maxChatSamples } from "../../src/protocol/chat.ts";
import { taskIds } from "../../src/protocol/tasks.ts";
import { checkbox, dropdown, iconButton, numberField, textButton } from "../controls.ts";
import { element, setAttribute, setHidden, setText, setTitle } from "../dom.ts";
import { icon } from "../icons.ts";
import { taskLabels } from "../rollouts/format.ts";
import { askedOf, hasOptions, type Draft } from "./draft.ts";
import { firstPolicy, runningTurn, type ChatActions, type ChatState } from "./state.ts";
import { goesOnText } from "./turnGroup.ts";

interface Part {
  readonly node: HTMLElement;
  render(state: ChatState): void;
}

export interface Composer extends Part {
  /** To the question. */
  focus(): void;
}

/** What is asked: the video, the task, the question, how it is sampled. */
export function createComposer(actions: ChatActions): Composer {
  const question = createQuestion(actions);
  const parts = [
    createVideoRow(actions),
    createAfter(actions),
    question,
    createSampling(actions),
    createAskRow(actions),
  ];
  const node = element(
    "section",
    { class: "composer", label: t("Question") },
    parts.map((part) => part.node),
  );
  return {
    node,
    render: (state) => {
      for (const part of parts) part.render(state);
    },
    focus: () => question.focus(),
  };
}

/** Asks what the draft says; nothing while it lacks something or an answer is on its way. */
export function ask(state: ChatState, { post }: ChatActions): void {
  const asked = askedOf(state.draft);
  if (asked.ok && canAsk(state)) post({ kind: "ask", asked: asked.asked });
}

function canAsk(state: ChatState): boolean {
  return runningTurn(state) === null && firstPolicy(state.slots) !== null;
}

function createVideoRow({ post }: ChatActions): Part {
  const name = element("span", { class: "video-name" });
  const choose = textButton(t("Choose video…"), "secondary", () => post({ kind: "chooseVideo" }));
  const example = textButton(t("Take an example…"), "secondary", () => post({ kind: "chooseExample" }));
  const node = element("div", { class: "composer-row" }, [choose.node, example.node, name]);
  return {
    node,
    render: ({ draft: { video, example: taken }, slots }) => {
      const none = t("No video yet. Choose one, or hold Shift and drop a file here.");
      const origin = taken === null ? "" : t(" · example {0} of {1}", taken.example, taken.dataset);
      setText(name, video === null ? none : `${video.name}${origin}`);
      setTitle(name, video?.shown.videoPath ?? "");
      example.setEnabled((firstPolicy(slots)?.tasks.length ?? 0) > 0);
    },
  };
}

/** The answer that the question goes on from, and the way back. */
function createAfter({ dispatch }: ChatActions): Part {
  const name = element("span", { class: "video-name" });
  const afresh = iconButton("cross", t("Ask afresh"), () => dispatch({ kind: "edit", change: { after: null } }));
  const node = element("div", { class: "composer-row composer-after" }, [icon("comment"), name, afresh.node]);
  return {
    node,
    render: ({ draft: { after } }) => {
      setHidden(node, after === null);
      if (after !== null) setText(name, goesOnText(after.name));
    },
  };
}

const tasksInOrder: readonly Draft["task"][] = ["free", ...taskIds.filter((task) => task !== "open"), "open"];

function createQuestion({ dispatch }: ChatActions): Composer {
  const edit = (change: Partial<Draft>): void => dispatch({ kind: "edit", change });
  const task = dropdown(t("Task"), (value) => {
    const chosen = tasksInOrder.find((known) => known === value);
    if (chosen !== undefined) edit({ task: chosen });
  });
  const think = checkbox(t("Think first"), t("The prompt asks for reasoning before the answer"), (checked) =>
    edit({ think: checked }),
  );
  const question = textArea(t("Question"), 2, (text) => edit({ text }));
  const options = textArea(t("Options, one a line"), 3, (text) => edit({ options: text }));
  const box = textArea(t("Box at the start: left, top, right, bottom from 0 to 1"), 1, (firstBox) =>
    edit({ firstBox }),
  );
  const boxes = numberField(
    t("Boxes of the answer"),
    (value) => edit({ boxes: value }),
    (value) => Number.isInteger(value) && value >= 2 && value <= 64,
  );
  const track = element("div", { class: "composer-row" }, [box.node, labelled(t("Boxes"), boxes.node)]);
  const hint = element("p", { class: "composer-hint" });
  const node = element("div", { class: "composer-question" }, [
    element("div", { class: "composer-row" }, [labelled(t("Task"), task.node), think.node]),
    hint,
    question.node,
    options.node,
    track,
  ]);
  return {
    node,
    render: ({ draft, slots }) => {
      const own = firstPolicy(slots)?.tasks ?? [];
      const sorted = [...tasksInOrder].sort((a, b) => rank(a, own) - rank(b, own));
      task.setItems(
        sorted.map((value) => ({ value, label: taskLabel(value) })),
        draft.task,
      );
      think.setChecked(draft.task !== "free" && draft.think);
      think.setEnabled(draft.task !== "free");
      setText(hint, hintOf(draft.task));
      question.set(draft.text, placeholders[draft.task]);
      options.set(draft.options, "");
      box.set(draft.firstBox, "0.10, 0.20, 0.30, 0.40");
      boxes.setValue(draft.boxes);
      setHidden(options.node, !hasOptions(draft.task));
      setHidden(track, draft.task !== "tracking");
    },
    focus: () => question.node.focus(),
  };
}

function createSampling({ dispatch }: ChatActions): Part {
  const edit = (change: Partial<Draft>): void => dispatch({ kind: "edit", change });
  const samples = numberField(
    t("Samples"),
    (value) => edit({ samples: value }),
    (value) => Number.isInteger(value) && value >= 1 && value <= maxChatSamples,
  );
  const greedy = checkbox(t("Greedy"), t("Always the most likely token: every sample would be the same"), (checked) =>
    edit({ isGreedy: checked }),
  );
  const temperature = numberField(
    t("Temperature"),
    (value) => edit({ temperature: value }),
    (value) => value > 0 && value <= 10,
  );
  const tokens = numberField(
    t("Most tokens of an answer"),
    (value) => edit({ maxTokens: value }),
    (value) => Number.isInteger(value) && value >= 1,
  );
  const node = element("div", { class: "composer-row", role: "group", label: t("Sampling") }, [
    labelled(t("Samples"), samples.node),
    labelled(t("Temperature"), temperature.node),
    greedy.node,
    labelled(t("Tokens"), tokens.node),
  ]);
  return {
    node,
    render: ({ draft }) => {
      samples.setValue(draft.isGreedy ? 1 : draft.samples);
      samples.setEnabled(!draft.isGreedy);
      greedy.setChecked(draft.isGreedy);
      temperature.setValue(draft.isGreedy ? 0 : draft.temperature);
      temperature.setEnabled(!draft.isGreedy);
      tokens.setValue(draft.maxTokens);
    },
  };
}

function createAskRow(actions: ChatActions): Part {
  let shown: ChatState | null = null;
  const askButton = textButton(t("Ask"), "primary", () => {
    if (shown !== null) ask(shown, actions);
  });
  const stop = textButton(t("Stop"), "secondary", () => actions.post({ kind: "stop" }));
  setTitle(askButton.node, "Ctrl+Enter");
  setTitle(stop.node, "Escape");
  const lacks = element("span", { class: "composer-lacks" });
  const node = element("div", { class: "composer-row ask-row" }, [askButton.node, stop.node, lacks]);
  return {
    node,
    render: (state) => {
      shown = state;
      const asked = askedOf(state.draft);
      const isRunning = runningTurn(state) !== null;
      askButton.setEnabled(asked.ok && canAsk(state));
      stop.setEnabled(isRunning);
      const seen =
        state.draft.after === null
          ? t("Asked afresh: the policy does not see earlier questions.")
          : t("The policy sees the conversation that led to this answer.");
      setText(lacks, asked.ok ? seen : asked.lacks);
    },
  };
}

/** The tasks that the policy was made for come right after the free question. */
function rank(task: Draft["task"], own: readonly string[]): number {
  if (task === "free") return -2;
  return own.includes(task) ? -1 : tasksInOrder.indexOf(task);
}

function taskLabel(task: Draft["task"]): string {
  return task === "free" ? t("Free question") : taskLabels[task];
}

function hintOf(task: Draft["task"]): string {
  return task === "free"
    ? t("The policy gets these words as they stand.")
    : t("The policy gets the prompt that a run makes of this.");
}

const placeholders: Readonly<Record<Draft["task"], string>> = {
  free: t("What do you want to know about the video?"),
  "temporal-grounding": t("What happens, e.g. the red square appears"),
  tracking: t("The object to follow, e.g. the red square"),
  "grounded-qa": t("The question"),
  "multiple-choice": t("The question"),
  classification: t("The question"),
  captioning: t("What to describe"),
  open: t("The question"),
};

function labelled(text: string, control: HTMLElement): HTMLElement {
  // The control has the same label of its own.
  return element("span", { class: "labelled" }, [
    element("span", { text, attributes: { "aria-hidden": "true" } }),
    control,
  ]);
}

interface TextArea {
  readonly node: HTMLTextAreaElement;
  set(value: string, placeholder: string): void;
}

function textArea(label: string, rows: number, onInput: (value: string) => void): TextArea {
  const node = element("textarea", { class: "text-area", label, attributes: { rows: String(rows), title: label } });
  node.addEventListener("input", () => onInput(node.value));
  return {
    node,
    set: (value, placeholder) => {
      // Writing the same value would move the cursor.
      if (node.value !== value) node.value = value;
      setAttribute(node, "placeholder", placeholder);
    },
  };
}
