/**
 * While it loads, the toolkit asks whether the browser knows `:focus-visible` by putting an empty <style> into the head,
 * which the page's strict CSP refuses; it would then fall back to outlines on every click. The page needs no inline
 * style, so rather than weaken the policy the probe is answered here: the style element gets a constructed sheet and
 * never enters the document. `controls.ts` imports this before the toolkit and calls `endToolkitProbe` after it.
 */
const head = document.head;

head.appendChild = <Child extends Node>(node: Child): Child => {
  if (!(node instanceof HTMLStyleElement)) {
    HTMLHeadElement.prototype.appendChild.call(head, node);
    return node;
  }
  Object.defineProperty(node, "sheet", { value: new CSSStyleSheet() });
  return node;
};

head.removeChild = <Child extends Node>(node: Child): Child => {
  if (node.parentNode === head) HTMLHeadElement.prototype.removeChild.call(head, node);
  return node;
};

export function endToolkitProbe(): void {
  Reflect.deleteProperty(head, "appendChild");
  Reflect.deleteProperty(head, "removeChild");
}
