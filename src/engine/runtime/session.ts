import * as ort from "onnxruntime-node";
import { encodeOnnx } from "../graph/encodeOnnx.ts";
import type { DType, Graph, Value } from "../graph/types.ts";

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array;
export type Feeds = Readonly<Record<string, TensorData>>;

export const onnxruntimeVersion: string = ort.env.versions.node ?? ort.env.versions.common;

export interface SessionOptions {
  readonly threads: number;
  /**
   * Whether the session keeps the memory of its largest run for the next. Every session has an arena of its own, so their
   * peaks add up; without, each run asks the system anew, which small graphs feel (8 % of a step of the sample).
   */
  readonly hasArena: boolean;
}

/**
 * A graph ready to run. Owns native memory: whoever creates it releases it, once.
 * `run` blocks this process's event loop while the graph runs (onnxruntime-node computes in the JavaScript thread).
 */
export class CompiledGraph {
  readonly #session: ort.InferenceSession;
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #outputs: ReadonlyMap<string, Value>;
  #released = false;

  private constructor(session: ort.InferenceSession, graph: Graph) {
    this.#session = session;
    this.#inputs = new Map(graph.inputs.map((v) => [v.name, v]));
    this.#outputs = new Map(graph.outputs.map((v) => [v.name, v]));
  }

  static async compile(graph: Graph, options: SessionOptions): Promise<CompiledGraph> {
    const session = await ort.InferenceSession.create(encodeOnnx(graph), {
      executionProviders: ["cpu"],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      // Pattern planning costs half as much memory again and slows the second run (measured on training graphs).
      enableMemPattern: false,
      enableCpuMemArena: options.hasArena,
      logSeverityLevel: 3,
    });
    return new CompiledGraph(session, graph);
  }

  get inputNames(): readonly string[] {
    return [...this.#inputs.keys()];
  }

  /**
   * @param feeds data by input name; read in place, not copied
   * @param into buffers that named outputs are written to in place; may be an input's own buffer when every reader of that
   *   input comes before the write
   * @returns data by output name
   */
  async run(feeds: Feeds, into: Feeds = {}): Promise<Record<string, TensorData>> {
    if (this.#released) throw new Error("internal: graph used after release");
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, value] of this.#inputs) {
      const data = feeds[name];
      if (data === undefined) throw new Error(`internal: input ${name} is missing`);
      inputs[name] = tensor(value, data);
    }
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const [name, value] of this.#outputs) {
      const buffer = into[name];
      fetches[name] = buffer === undefined ? null : tensor(value, buffer);
    }
    const results = await this.#session.run(inputs, fetches);
    return Object.fromEntries(
      Object.entries(results).map(([name, result]) => {
        // SAFETY: graphs have numeric outputs only, so the data is one of the typed arrays of TensorData.
        return [name, into[name] ?? (result.data as TensorData)];
      }),
    );
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }
}

function tensor(value: Value, data: TensorData): ort.Tensor {
  const expected = value.shape.reduce((a, b) => a * b, 1);
  if (data.length !== expected) {
    throw new Error(`internal: ${value.name} has ${data.length} elements, expected ${expected}`);
  }
  return new ort.Tensor(ortTypes[value.dtype], data, value.shape);
}

const ortTypes = { float32: "float32", int64: "int64", int32: "int32", bool: "bool" } as const satisfies Record<
  DType,
  string
>;
