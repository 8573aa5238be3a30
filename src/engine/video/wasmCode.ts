/** WebAssembly from expressions, as much of it as the resizer's inner loop needs. Encodings: core specification 2.0, §5. */
export type Code = readonly number[];

/** Type of a local. */
export const i32 = 0x7f;
export const vector = 0x7b;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number, value: Code): Code => [...value, 0x21, local];
/** A number from 0 to 63. */
export const small = (value: number): Code => [0x41, value];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const subtract = (a: Code, b: Code): Code => [...a, ...b, 0x6b];
export const shiftLeft = (a: Code, bits: Code): Code => [...a, ...bits, 0x74];
export const isBelow = (a: Code, b: Code): Code => [...a, ...b, 0x49];

/** Runs the body, and again for as long as the condition after it is not 0. */
export function repeatWhile(body: readonly Code[], condition: Code): Code {
  return [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
}

/** Two numbers in floating point of 64 bits, both 0. */
export const zeros: Code = [...simd(0x0c), ...new Array<number>(16).fill(0)];
/** Eight bytes of memory as unsigned numbers of 16 bits. */
export const load8Bytes = (address: Code): Code => [...address, ...simd(0x02), 0, 0];
/** One number of 64 bits of memory, twice. */
export const loadTwice = (address: Code): Code => [...address, ...simd(0x0a), 0, 0];
export const store = (address: Code, value: Code, offset: number): Code => [
  ...[...address, ...value],
  ...[...simd(0x0b), 0, offset],
];
/** The first or last four of eight numbers of 16 bits, as numbers of 32 bits. */
export const firstFour = (value: Code): Code => [...value, ...simd(0xa9)];
export const lastFour = (value: Code): Code => [...value, ...simd(0xaa)];
/** The first or last two of four numbers of 32 bits, in floating point of 64 bits. */
export const firstTwo = (value: Code): Code => [...value, ...simd(0xff)];
export const lastTwo = (value: Code): Code =>
  firstTwo([...value, ...zeros, ...simd(0x0d), ...[8, 9, 10, 11, 12, 13, 14, 15], ...[0, 1, 2, 3, 4, 5, 6, 7]]);
export const addBoth = (a: Code, b: Code): Code => [...a, ...b, ...simd(0xf0)];
export const multiplyBoth = (a: Code, b: Code): Code => [...a, ...b, ...simd(0xf2)];

/** A module with one exported function "run" over an imported memory "env"."memory", without a result. */
export function moduleOf(
  parameters: readonly number[],
  locals: readonly number[],
  body: readonly Code[],
): Uint8Array<ArrayBuffer> {
  const declared = vectorOf(locals.map((local) => [1, local]));
  const code = [...declared, ...body.flat(), 0x0b];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, ...vectorOf(parameters.map((parameter) => [parameter])), 0]]),
    ...section(2, [[...name("env"), ...name("memory"), 0x02, 0x00, 1]]),
    ...section(3, [[0]]),
    ...section(7, [[...name("run"), 0x00, 0]]),
    ...section(10, [[...length(code.length), ...code]]),
  ]);
}

function section(id: number, entries: readonly Code[]): Code {
  const content = vectorOf(entries);
  return [id, ...length(content.length), ...content];
}

function vectorOf(entries: readonly Code[]): Code {
  return [...length(entries.length), ...entries.flat()];
}

function name(text: string): Code {
  return vectorOf([...Buffer.from(text)].map((byte) => [byte]));
}

function simd(instruction: number): Code {
  return [0xfd, ...length(instruction)];
}

/** Unsigned LEB128. */
function length(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...length(value >> 7)];
}
