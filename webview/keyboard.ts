/**
 * VS Code hears the keys of a page at its window and runs the commands that are bound to them. Keys that a control uses
 * itself end here, so that typing "n" into a field does not go to the next rollout and Space on a button does not play.
 */
export function keepKeysOfControls(page: HTMLElement): void {
  page.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^F\d+$/.test(event.key)) return;
    if (event.defaultPrevented || isUsedByControl(event)) event.stopPropagation();
  });
}

function isUsedByControl(event: KeyboardEvent): boolean {
  // The toolkit's controls have their inner element in a shadow tree, which the path sees through.
  const inner = event.composedPath().filter((node): node is HTMLElement => node instanceof HTMLElement);
  if (inner.some((element) => element.matches("input:not([type=checkbox]), textarea, select, [role=combobox]"))) {
    return event.key !== "Escape";
  }
  const isPressed = event.key === " " || event.key === "Enter";
  return (
    isPressed &&
    inner.some((element) =>
      element.matches("button, summary, a[href], [role=button], input[type=checkbox], [role=checkbox]"),
    )
  );
}
