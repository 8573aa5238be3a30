/** Keeps the last result of a pure function: asked again with the very same arguments it answers the very same value. */
export function memoLast<Args extends readonly unknown[], Result>(
  compute: (...args: Args) => Result,
): (...args: Args) => Result {
  let last: { readonly args: Args; readonly result: Result } | null = null;
  return (...args) => {
    const known = last;
    if (known !== null && args.every((value, index) => Object.is(value, known.args[index]))) return known.result;
    const result = compute(...args);
    last = { args, result };
    return result;
  };
}
