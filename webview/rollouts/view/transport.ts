import { t } from "@vscode/l10n";
import type { ViewerAction } from "../../../src/protocol/view.ts";
import { dropdown, iconButton } from "../../controls.ts";
import { element } from "../../dom.ts";
import { speeds } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

/** Buttons that play and step through the sampled frames. */
export function createTransport(dispatch: Dispatch): View {
  const act = (action: ViewerAction) => (): void => dispatch({ kind: "action", action });
  const first = iconButton("first", t("First frame"), act("firstFrame"));
  const previous = iconButton("chevronLeft", t("Previous frame"), act("previousFrame"));
  const play = iconButton("play", t("Play"), act("playPause"));
  const next = iconButton("chevronRight", t("Next frame"), act("nextFrame"));
  const last = iconButton("last", t("Last frame"), act("lastFrame"));
  const loop = iconButton("loop", t("Loop segment"), act("loopSegment"));
  const speed = dropdown(t("Speed"), (value) => dispatch({ kind: "speed", speed: Number(value) }));
  speed.node.classList.add("speed");
  play.node.classList.add("play");
  const node = element("div", { class: "transport", role: "group", label: t("Playback") }, [
    first.node,
    previous.node,
    play.node,
    next.node,
    last.node,
    loop.node,
    speed.node,
  ]);
  const items = speeds.map((value) => ({ value: String(value), label: `${value}×` }));
  return {
    node,
    render: (state) => {
      play.setIcon(state.isPlaying ? "pause" : "play");
      play.setLabel(state.isPlaying ? t("Pause") : t("Play"));
      loop.setPressed(state.loop !== null);
      speed.setItems(items, String(state.speed));
    },
  };
}
