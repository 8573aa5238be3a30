/** The theme as a canvas needs it: resolved colours, and a call when they change. */
const colors = new Map<string, string>();
const listeners = new Set<() => void>();
let isWatched = false;

/** VS Code writes the theme's variables on the root element and its kind on the body. @returns what ends the calls */
export function onDidChangeTheme(listener: () => void): () => void {
  if (!isWatched) watch();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Value of one of the page's colour variables, resolved to a colour that a canvas understands. */
export function themeColor(property: string): string {
  const known = colors.get(property);
  if (known !== undefined) return known;
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  colors.set(property, color);
  return color;
}

function watch(): void {
  isWatched = true;
  const observer = new MutationObserver(() => {
    colors.clear();
    for (const listener of listeners) listener();
  });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
  observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-vscode-theme-kind"] });
}
