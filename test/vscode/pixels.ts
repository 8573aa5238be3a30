import type { Frame, Page } from "playwright-core";

export type Rgb = readonly [number, number, number];

/** Colour of one pixel of the window, as a person sees it. `x` and `y` are CSS pixels of the page. */
export async function pixelAt(page: Page, x: number, y: number): Promise<Rgb> {
  const clip = { x: Math.round(x), y: Math.round(y), width: 1, height: 1 };
  const png = (await page.screenshot({ clip })).toString("base64");
  return page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    if (context === null) throw new Error("no canvas");
    context.drawImage(bitmap, 0, 0);
    const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue] as const;
  }, png);
}

export interface PaintedArea {
  /** Bounds of the pixels of a colour, as shares of the canvas. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly pixels: number;
}

/** Where a canvas holds the colour of a CSS variable; null when nowhere. */
export async function paintedArea(frame: Frame, canvas: string, colorVariable: string): Promise<PaintedArea | null> {
  return frame.evaluate(
    ({ selector, variable }) => {
      const node = document.querySelector<HTMLCanvasElement>(selector);
      const context = node?.getContext("2d");
      if (node === null || context === null || context === undefined || node.width === 0) return null;
      const probe = node.parentElement?.appendChild(document.createElement("span"));
      if (probe === undefined) return null;
      probe.style.color = `var(${variable})`;
      const [red = 0, green = 0, blue = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
      probe.remove();
      const { data } = context.getImageData(0, 0, node.width, node.height);
      const area = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity, pixels: 0 };
      for (let at = 0; at < data.length; at += 4) {
        const isClose = [red, green, blue].every((value, channel) => Math.abs((data[at + channel] ?? 0) - value) < 24);
        if (!isClose || (data[at + 3] ?? 0) < 200) continue;
        const x = ((at / 4) % node.width) / node.width;
        const y = Math.floor(at / 4 / node.width) / node.height;
        area.x0 = Math.min(area.x0, x);
        area.y0 = Math.min(area.y0, y);
        area.x1 = Math.max(area.x1, x);
        area.y1 = Math.max(area.y1, y);
        area.pixels += 1;
      }
      return area.pixels === 0 ? null : area;
    },
    { selector: canvas, variable: colorVariable },
  );
}
