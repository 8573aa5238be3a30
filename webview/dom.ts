/** Small helpers to build and update elements. Text always goes through `textContent`, never through markup. */
export interface ElementOptions {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
  readonly role?: string;
  /** aria-label */
  readonly label?: string;
  readonly tabIndex?: number;
  /** Any other attribute. */
  readonly attributes?: Readonly<Record<string, string>>;
}

type Child = Node | string | null;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  options: ElementOptions = {},
  children: readonly Child[] = [],
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  if (options.class !== undefined) node.className = options.class;
  if (options.text !== undefined) node.textContent = options.text;
  if (options.title !== undefined) node.title = options.title;
  if (options.role !== undefined) node.setAttribute("role", options.role);
  if (options.label !== undefined) node.setAttribute("aria-label", options.label);
  if (options.tabIndex !== undefined) node.tabIndex = options.tabIndex;
  for (const [name, value] of Object.entries(options.attributes ?? {})) node.setAttribute(name, value);
  for (const child of children) if (child !== null) node.append(child);
  return node;
}

const svgNamespace = "http://www.w3.org/2000/svg";

export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>>,
  children: readonly SVGElement[] = [],
): SVGElementTagNameMap[Tag] {
  const node = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Sets the text only when it differs, so that assistive technology is not told of a change that is none. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A function that runs `render` only when one of its arguments is another than the last time. */
export function whenChanged<Args extends readonly unknown[]>(render: (...args: Args) => void): (...args: Args) => void {
  let last: Args | null = null;
  return (...args) => {
    const before = last;
    if (before !== null && args.every((value, index) => Object.is(value, before[index]))) return;
    last = args;
    render(...args);
  };
}

/** Sets `hidden` only when it differs. */
export function setHidden(node: HTMLElement, hidden: boolean): void {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** Sets the tooltip only when it differs. */
export function setTitle(node: HTMLElement, title: string): void {
  if (node.title !== title) node.title = title;
}

/** A cleared canvas that fits its box and the screen's pixels, drawn on in CSS pixels; null when there is none to draw on. */
export function clearCanvas(
  canvas: HTMLCanvasElement,
): { context: CanvasRenderingContext2D; width: number; height: number } | null {
  const ratio = window.devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (context === null || width === 0) return null;
  context.scale(ratio, ratio);
  return { context, width, height };
}
