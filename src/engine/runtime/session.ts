import * as ort from "onnxruntime-node";
import type { Provider } from "../../protocol/device.ts";
import { encodeOnnx } from "../graph/encodeOnnx.ts";
import { lower, targets } from "../graph/lowering.ts";
import type { DType, Graph, Value } from "../graph/types.ts";
import { DeviceTensor } from "./device.ts";

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array;
/** Data of a graph's inputs and outputs by name: arrays of this process, and tensors that stay on the device. */
export type Feeds = Readonly<Record<string, TensorData | DeviceTensor>>;

export const onnxruntimeVersion: string = ort.env.versions.node ?? ort.env.versions.common;

export interface SessionOptions {
  readonly threads: number;
  /**
   * Whether the session keeps the memory of its largest run for the next. Every session has an arena of its own, so their
   * peaks add up; without, each run asks the system anew, which small graphs feel (8 % of a step of the sample).
   */
  readonly hasArena: boolean;
  /** The CPU where it is not said. */
  readonly provider?: Provider;
  /** Refuses a graph with operators that the provider lacks, in place of computing those on the CPU. */
  readonly isStrict?: boolean;
}

/**
 * A graph ready to run. Owns native memory: whoever creates it releases it, once.
 * `run` blocks this process's event loop while the graph runs (onnxruntime-node computes in the JavaScript thread).
 */
export class CompiledGraph {
  readonly #session: OnceOpened;
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #outputs: ReadonlyMap<string, Value>;
  readonly #provider: Provider;
  #released = false;

  private constructor(graph: Graph, options: SessionOptions) {
    this.#provider = options.provider ?? "cpu";
    const lowered = lower(graph, targets[this.#provider]);
    this.#session = new OnceOpened(lowered, options);
    this.#inputs = new Map(lowered.inputs.map((v) => [v.name, v]));
    this.#outputs = new Map(lowered.outputs.map((v) => [v.name, v]));
  }

  static async compile(graph: Graph, options: SessionOptions): Promise<CompiledGraph> {
    const compiled = new CompiledGraph(graph, options);
    // A session on WebGPU has to know which outputs stay there, which the first run says.
    if (compiled.#provider !== "webgpu") await compiled.#session.open([]);
    return compiled;
  }

  get inputNames(): readonly string[] {
    return [...this.#inputs.keys()];
  }

  /**
   * @param feeds data by input name; arrays are read in place, not copied, where the graph is computed on the CPU
   * @param into where named outputs go: a buffer, which is written in place and may be an input's own when every reader of
   *   that input comes before the write; or a tensor on the device, the same ones in each run
   * @returns data by output name, but of those that stay on the device
   */
  async run(feeds: Feeds, into: Feeds = {}): Promise<Record<string, TensorData>> {
    if (this.#released) throw new Error("internal: graph used after release");
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, value] of this.#inputs) {
      const data = feeds[name];
      if (data === undefined) throw new Error(`internal: input ${name} is missing`);
      checkSize(value, data);
      inputs[name] = data instanceof DeviceTensor ? await data.tensor(value.shape) : tensor(value, data);
    }
    return this.#provider === "webgpu" ? this.#runOnDevice(inputs, into) : this.#runInPlace(inputs, into);
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }

  async #runInPlace(inputs: Record<string, ort.Tensor>, into: Feeds): Promise<Record<string, TensorData>> {
    const buffers: Record<string, TensorData> = {};
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const [name, value] of this.#outputs) {
      const buffer = into[name];
      if (buffer instanceof DeviceTensor) throw new Error(`internal: ${name} is on another device`);
      if (buffer !== undefined) {
        checkSize(value, buffer);
        buffers[name] = buffer;
      }
      fetches[name] = buffer === undefined ? null : tensor(value, buffer);
    }
    const results = await (await this.#session.open([])).run(inputs, fetches);
    return Object.fromEntries(
      // SAFETY: graphs have numeric outputs only, so the data is one of the typed arrays of TensorData.
      Object.entries(results).map(([name, result]) => [name, buffers[name] ?? (result.data as TensorData)]),
    );
  }

  /** Buffers are filled afterwards: where some outputs stay on the device, the binding leaves the buffers of others alone. */
  async #runOnDevice(inputs: Record<string, ort.Tensor>, into: Feeds): Promise<Record<string, TensorData>> {
    for (const [name, value] of this.#outputs) {
      const place = into[name];
      if (place !== undefined) checkSize(value, place);
    }
    const staying = [...this.#outputs.keys()].filter((name) => into[name] instanceof DeviceTensor);
    const results = await (await this.#session.open(staying)).run(inputs);
    const returned: Record<string, TensorData> = {};
    for (const [name, result] of Object.entries(results)) {
      const place = into[name];
      if (place instanceof DeviceTensor) place.replace(result);
      else returned[name] = place === undefined ? dataOf(result) : filled(place, dataOf(result));
    }
    return returned;
  }
}

/** A session that is made when it is first needed, since it cannot change where its outputs go. */
class OnceOpened {
  #graph: Graph | null;
  readonly #options: SessionOptions;
  #session: ort.InferenceSession | null = null;
  #staying = "";

  constructor(graph: Graph, options: SessionOptions) {
    this.#graph = graph;
    this.#options = options;
  }

  /** @param staying names of the outputs that stay on the device */
  async open(staying: readonly string[]): Promise<ort.InferenceSession> {
    const key = staying.join();
    if (this.#session === null) {
      if (this.#graph === null) throw new Error("internal: graph used after release");
      this.#session = await createSession(this.#graph, this.#options, staying);
      this.#graph = null; // its constants are the session's now
      this.#staying = key;
    }
    if (this.#staying !== key) throw new Error("internal: an output stays on the device in some runs only");
    return this.#session;
  }

  async release(): Promise<void> {
    this.#graph = null;
    await this.#session?.release();
  }
}

function createSession(
  graph: Graph,
  options: SessionOptions,
  staying: readonly string[],
): Promise<ort.InferenceSession> {
  const { threads, hasArena, provider = "cpu", isStrict = false } = options;
  return ort.InferenceSession.create(encodeOnnx(graph, { opset: targets[provider].opset }), {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Pattern planning costs half as much memory again and slows the second run (measured on training graphs).
    enableMemPattern: false,
    enableCpuMemArena: hasArena,
    logSeverityLevel: 3,
    ...(isStrict ? { extra: { session: { disable_cpu_ep_fallback: "1" } } } : {}),
    ...(staying.length === 0
      ? {}
      : { preferredOutputLocation: Object.fromEntries(staying.map((name) => [name, "gpu-buffer" as const])) }),
  });
}

function checkSize(value: Value, data: TensorData | DeviceTensor): void {
  const expected = value.shape.reduce((a, b) => a * b, 1);
  if (data.length !== expected) {
    throw new Error(`internal: ${value.name} has ${data.length} elements, expected ${expected}`);
  }
}

function tensor(value: Value, data: TensorData): ort.Tensor {
  const isNarrowed = value.dtype === "int32" && data instanceof BigInt64Array; // see Target.narrowsIndices
  return new ort.Tensor(ortTypes[value.dtype], isNarrowed ? Int32Array.from(data, Number) : data, value.shape);
}

function dataOf(result: ort.Tensor): TensorData {
  // SAFETY: graphs have numeric outputs only, so the data is one of the typed arrays of TensorData.
  return result.data as TensorData;
}

/** The buffer with the data in it, which is of the same type: both are of one output. */
function filled(buffer: TensorData, data: TensorData): TensorData {
  // SAFETY: both have the element type of one output of the graph.
  (buffer as Float32Array).set(data as Float32Array);
  return buffer;
}

const ortTypes = { float32: "float32", int64: "int64", int32: "int32", bool: "bool" } as const satisfies Record<
  DType,
  string
>;
