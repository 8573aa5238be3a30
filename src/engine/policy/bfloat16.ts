/** bfloat16 is the upper half of a float32. @param into as many values, written over */
export function bfloat16ToFloat32(bits: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] ?? 0) << 16;
}

/** Rounds to nearest, ties to even, as torch does. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const word = words[i] ?? 0;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    bits[i] = isNaN ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** @param into as many values, written over */
export function float16ToFloat32(bits: Uint16Array, into: Float32Array): void {
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i] ?? 0;
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    if (exponent === 31) into[i] = fraction === 0 ? sign * Infinity : NaN;
    else if (exponent === 0) into[i] = sign * fraction * 2 ** -24;
    else into[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
}
