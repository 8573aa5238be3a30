/** Deep equality of plain data. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
    );
  }
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && isEqual(a[key], b[key]));
}

/** Every message of the host is a full snapshot: the known object is kept when nothing in it changed, so views can compare by identity. */
export function reuseEqual<Value, Known extends Value | null>(
  known: Known,
  received: Value,
): Value | NonNullable<Known> {
  return known !== null && known !== undefined && isEqual(known, received) ? known : received;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
