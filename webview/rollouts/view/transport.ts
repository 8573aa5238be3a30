import type { ViewerAction } from "../../../src/protocol/view.ts";
import { dropdown, iconButton } from "../../controls.ts";
import { element } from "../../dom.ts";
import { speeds } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

/** Buttons that play and step through the sampled frames. */
export function createTransport(dispatch: Dispatch): View {
  const act = (action: ViewerAction) => (): void => dispatch({ kind: "action", action });
  const first = iconButton("first", "First frame", act("firstFrame"));
  const previous = iconButton("chevronLeft", "Previous frame", act("previousFrame"));
  const play = iconButton("play", "Play", act("playPause"));
  const next = iconButton("chevronRight", "Next frame", act("nextFrame"));
  const last = iconButton("last", "Last frame", act("lastFrame"));
  const loop = iconButton("loop", "Loop segment", act("loopSegment"));
  const speed = dropdown("Speed", (value) => dispatch({ kind: "speed", speed: Number(value) }));
  speed.node.classList.add("speed");
  play.node.classList.add("play");
  const node = element("div", { class: "transport", role: "group", label: "Playback" }, [
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
      play.setLabel(state.isPlaying ? "Pause" : "Play");
      loop.setPressed(state.loop !== null);
      speed.setItems(items, String(state.speed));
    },
  };
}
