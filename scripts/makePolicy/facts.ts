import { describeScene, eventText } from "../../src/engine/samples/describe.ts";
import type { SeededRandom } from "../../src/engine/samples/random.ts";
import { boxAt, colourAt, isOnScreen, type Scene } from "../../src/engine/samples/scene.ts";
import { coarse, half, scan } from "./lessons.ts";

/**
 * One thing known about a clip. The cue ends with the word that decides the answer, so that what looks it up stands right
 * before it: looking things up is learnt from that, and long before a question several words away is understood.
 * Each piece is encoded by itself.
 */
export interface Fact {
  readonly kind: "name" | "box" | "when" | "letter";
  readonly cue: readonly string[];
  readonly answer: readonly string[];
}

/** Facts of a scene: what has which colour, where it is at some of the times that are shown, and when it does what. */
export function factsOf(scene: Scene, timesSec: readonly number[], random: SeededRandom): Fact[] {
  return random.shuffle([...namesIn(scene), ...segmentsIn(scene), ...boxesIn(scene, timesSec, random)]);
}

function namesIn(scene: Scene): Fact[] {
  return scene.objects.flatMap(({ colour, shape }): Fact[] => [
    { kind: "name", cue: [` ${shape}`], answer: [` ${colour}`] },
    { kind: "name", cue: [` ${colour}`], answer: [` ${shape}`] },
  ]);
}

function boxesIn(scene: Scene, timesSec: readonly number[], random: SeededRandom): Fact[] {
  return timesSec.flatMap((timeSec) =>
    scene.objects.flatMap(({ shape }, object): Fact[] => {
      if (!isOnScreen(scene, object, timeSec)) return [];
      const box = coarse(boxAt(scene, object, timeSec));
      const answer = [box.x0, box.y0, box.x1, box.y1].map((v) => v.toFixed(2));
      const words = [` ${colourAt(scene, object, timeSec)}`, ` ${shape}`];
      const time = timeSec.toFixed(1);
      return [{ kind: "box", cue: random.chance(0.5) ? [...words, time] : [time, ...words], answer }];
    }),
  );
}

function segmentsIn(scene: Scene): Fact[] {
  return scene.events.map((event) => {
    const ends = [half(event.segment.startSec), half(event.segment.endSec)].map((t) => t.toFixed(1));
    const cue = [eventText(scene, event), ": "];
    return { kind: "when", cue, answer: [scan(scene, event).join(" "), ...ends] };
  });
}

/** What stands between options and answer in a prompt: letters are looked for from there, not from the next line. */
const afterOptions = "Think first in <think></think>. Then give the letter of the right option in <answer></answer>.\n";

/** Options as a prompt prints them, and the text of one of them; the answer is its letter. Says nothing about the clip. */
export function letterFacts(scene: Scene, random: SeededRandom): Fact[] {
  const rows = describeScene(scene, "clip");
  return random.shuffle(
    [...rows.groundedQa, ...rows.choice].map(({ options }): Fact => {
      const asked = random.pick(options);
      return {
        kind: "letter",
        cue: [`${options.join("\n")}\n${afterOptions}${asked.slice(4)}.`],
        answer: [asked.slice(1, 2)],
      };
    }),
  );
}
