import type { TensorData } from "../runtime/session.ts";

/** What a graph has put out, by name. */
export type Outputs = Readonly<Record<string, TensorData>>;

export function floatsOf(outputs: Outputs, name: string): Float32Array {
  const data = outputs[name];
  if (data instanceof Float32Array) return data;
  throw new Error(`internal: no float32 output ${name}`);
}

/** Outputs `<name>.0` … `<name>.<count - 1>`. */
export function numberedFloats(outputs: Outputs, name: string, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, i) => floatsOf(outputs, `${name}.${i}`));
}
