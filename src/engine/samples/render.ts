import { clipDurationSec, clipFps, clipFrameCount, frameSidePx } from "./clip-format.ts";
import { pathAt } from "./motion.ts";
import { elementAt, seededRandom } from "./random.ts";
import { angleAt, colourAt, isOnScreen } from "./scene.ts";
import type { Scene } from "./scene.ts";
import { colourRgb, outerRadiusPx, polygonOf } from "./shapes.ts";
import type { ColourName, Polygon } from "./shapes.ts";

/** Times of all frames of a clip in seconds. */
export const frameTimesSec: readonly number[] = Array.from({ length: clipFrameCount }, (_, k) => k / clipFps);

/**
 * Draw a scene at the given times (by default at every frame of the clip).
 * @returns RGB, row-major [F, 112, 112, 3]. Edges are anti-aliased over one pixel.
 */
export function renderScene(scene: Scene, timesSec: readonly number[] = frameTimesSec): Uint8Array {
  const background = renderBackground(scene);
  const pixels_FHWC = new Uint8Array(timesSec.length * background.length);
  timesSec.forEach((timeSec, frame) => {
    const image = pixels_FHWC.subarray(frame * background.length, (frame + 1) * background.length);
    image.set(background);
    const dusk = Math.round((stageLight.dusk * timeSec) / clipDurationSec);
    for (let at = 2; at < image.length; at += 3) image[at] = Math.min(255, (image[at] ?? 0) + dusk);
    scene.objects.forEach((_, object) => {
      if (isOnScreen(scene, object, timeSec)) drawObject(image, scene, object, timeSec);
    });
  });
  return pixels_FHWC;
}

/**
 * Light on the background, as brightness added: red from left to right, green from the top down, blue with time. It says
 * where and when a patch is, as the light of a day or a burnt-in clock does; nothing else in so small a policy does.
 */
const stageLight = { right: 60, down: 60, dusk: 70 } as const;

/** Colour of the upper half of every shape, which makes the turning of a circle visible: paler, and for white grey. */
function paleRgb(colour: ColourName): readonly [number, number, number] {
  if (colour === "white") return [140, 140, 140];
  const [r, g, b] = colourRgb[colour];
  const pale = (value: number): number => value + 0.6 * (255 - value);
  return [pale(r), pale(g), pale(b)];
}

function renderBackground(scene: Scene): Uint8ClampedArray {
  const { rgb, gradient, gradientRad, noise, noiseSeed } = scene.background;
  const random = seededRandom(noiseSeed);
  const image = new Uint8ClampedArray(frameSidePx * frameSidePx * 3);
  const dx = Math.cos(gradientRad) / frameSidePx;
  const dy = Math.sin(gradientRad) / frameSidePx;
  for (let y = 0; y < frameSidePx; y++) {
    for (let x = 0; x < frameSidePx; x++) {
      const light =
        gradient * ((x - frameSidePx / 2) * dx + (y - frameSidePx / 2) * dy) + noise * (2 * random.next() - 1);
      const at = (y * frameSidePx + x) * 3;
      const stage = [(stageLight.right * x) / frameSidePx, (stageLight.down * y) / frameSidePx, 0];
      for (let c = 0; c < 3; c++) image[at + c] = (rgb[c] ?? 0) + (stage[c] ?? 0) + light;
    }
  }
  return image;
}

function drawObject(image: Uint8Array, scene: Scene, object: number, timeSec: number): void {
  const { shape, sizePx, path } = elementAt(scene.objects, object);
  const { x: centreX, y: centreY } = pathAt(path, timeSec);
  const angle = angleAt(scene, object, timeSec);
  const corners = polygonOf(shape, sizePx, angle, centreX, centreY);
  const colour = colourAt(scene, object, timeSec);
  const [rgb, pale] = [colourRgb[colour], paleRgb(colour)];
  const reach = outerRadiusPx(shape, sizePx) + 1;
  const x1 = Math.min(frameSidePx, Math.ceil(centreX + reach));
  const y1 = Math.min(frameSidePx, Math.ceil(centreY + reach));
  const upX = Math.sin(angle);
  const upY = -Math.cos(angle);
  for (let y = Math.max(0, Math.floor(centreY - reach)); y < y1; y++) {
    for (let x = Math.max(0, Math.floor(centreX - reach)); x < x1; x++) {
      const px = x + 0.5 - centreX;
      const py = y + 0.5 - centreY;
      const distance =
        corners.length === 0 ? Math.sqrt(px ** 2 + py ** 2) - sizePx / 2 : polygonDistance(corners, x + 0.5, y + 0.5);
      if (distance >= 0.5) continue;
      const at = (y * frameSidePx + x) * 3;
      blend(image, at, rgb, 0.5 - distance);
      blend(image, at, pale, Math.min(0.5 - distance, 0.5 + (px * upX + py * upY)));
    }
  }
}

function blend(image: Uint8Array, at: number, rgb: readonly [number, number, number], coverage: number): void {
  if (coverage <= 0) return;
  const share = Math.min(1, coverage);
  for (let c = 0; c < 3; c++) {
    const old = image[at + c] ?? 0;
    image[at + c] = Math.round(old + ((rgb[c] ?? 0) - old) * share);
  }
}

/** Signed distance in pixels from a point to a closed outline: negative inside. */
function polygonDistance(corners: Polygon, x: number, y: number): number {
  let nearest = Infinity;
  let inside = false;
  for (let i = 0, j = corners.length - 2; i < corners.length; j = i, i += 2) {
    const xi = corners[i] ?? 0;
    const yi = corners[i + 1] ?? 0;
    const xj = corners[j] ?? 0;
    const yj = corners[j + 1] ?? 0;
    const ex = xj - xi;
    const ey = yj - yi;
    const wx = x - xi;
    const wy = y - yi;
    const t = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey)));
    const rx = wx - t * ex;
    const ry = wy - t * ey;
    nearest = Math.min(nearest, rx * rx + ry * ry);
    if (yi > y !== yj > y && x < (ex * (y - yi)) / ey + xi) inside = !inside;
  }
  return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
}
