import * as ort from "onnxruntime-node";
import type { Provider } from "../../protocol/device.ts";
import { encodeOnnx } from "../graph/encodeOnnx.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Shape, Value } from "../graph/types.ts";

/**
 * Where graphs are computed, and what stays there between their runs. An array that lives on (a weight, a moment) is given
 * to graphs as `resident(array)`: on the CPU that is the array; on WebGPU a copy on the device, made at its first use, which
 * graphs read and write without a trip through this process. The binding of onnxruntime-node 1.30 knows no tensors on CUDA:
 * there onnxruntime copies the array to the device for each run.
 */
export interface Device {
  readonly provider: Provider;
  /** Whether arrays have copies on the device. */
  readonly hasOwnMemory: boolean;
  resident(array: Float32Array): Resident;
  /** Brings what graphs have written to the copy into the array. */
  download(array: Float32Array): Promise<void>;
  /** Says that this process has written to the array. */
  touched(array: Float32Array): void;
  /** Fills array and copy with zeros. */
  zero(array: Float32Array): void;
  /** Gives the memory of the copy back; what graphs have written to it is lost. */
  release(array: Float32Array): void;
  dispose(): Promise<void>;
}

/** What a graph reads or writes in place: an array of this process, or its copy on the device. */
export type Resident = Float32Array | DeviceTensor;

export function createDevice(provider: Provider): Device {
  return provider === "webgpu" ? new WebGpuDevice() : hostDevice(provider);
}

function hostDevice(provider: Provider): Device {
  return {
    provider,
    hasOwnMemory: false,
    resident: (array) => array,
    download: () => Promise.resolve(),
    touched: () => undefined,
    zero: (array) => void array.fill(0),
    release: () => undefined,
    dispose: () => Promise.resolve(),
  };
}

/** Who holds the numbers of an array with a copy on the device. */
type Held =
  | { readonly by: "array" }
  | { readonly by: "both" | "device"; readonly tensor: ort.Tensor }
  /** Nobody yet: they are zeros, made when they are first read, of the shape of what stood there. */
  | { readonly by: "zeros"; readonly before: ort.Tensor | null };

/**
 * An array's copy on the device. A graph never writes over a buffer that it reads (WebGPU forbids it): what it writes comes
 * in a buffer of its own, which then takes the place of the old one.
 */
export class DeviceTensor {
  readonly #array: Float32Array;
  readonly #copies: CopySessions;
  #held: Held = { by: "array" };

  constructor(array: Float32Array, copies: CopySessions) {
    this.#array = array;
    this.#copies = copies;
  }

  get length(): number {
    return this.#array.length;
  }

  /** The copy, in the shape of a graph's input. */
  async tensor(shape: Shape): Promise<ort.Tensor> {
    const { gpuBuffer } = await this.#current();
    return ort.Tensor.fromGpuBuffer(gpuBuffer, { dataType: "float32", dims: [...shape] });
  }

  /** Takes over what a graph has written. */
  replace(written: ort.Tensor): void {
    this.release();
    this.#held = { by: "device", tensor: written };
  }

  async download(): Promise<void> {
    const held = this.#held;
    if (held.by === "zeros") this.#array.fill(0);
    if (held.by !== "device") return;
    this.#array.set(await this.#copies.toArray(held.tensor));
    this.#held = { by: "both", tensor: held.tensor };
  }

  zero(): void {
    const held = this.#held;
    if (held.by !== "zeros") this.#held = { by: "zeros", before: held.by === "array" ? null : held.tensor };
  }

  /** From now on the array holds the numbers. */
  release(): void {
    const held = this.#held;
    if (held.by === "zeros") held.before?.dispose();
    else if (held.by !== "array") held.tensor.dispose();
    this.#held = { by: "array" };
  }

  async #current(): Promise<ort.Tensor> {
    const held = this.#held;
    switch (held.by) {
      case "both":
      case "device":
        return held.tensor;
      case "zeros": {
        if (held.before === null) this.#array.fill(0);
        const tensor = await (held.before === null
          ? this.#copies.toDevice(this.#array)
          : this.#copies.zeros(held.before));
        this.replace(tensor);
        return tensor;
      }
      case "array": {
        const tensor = await this.#copies.toDevice(this.#array);
        this.#held = { by: "both", tensor };
        return tensor;
      }
    }
  }
}

class WebGpuDevice implements Device {
  readonly provider = "webgpu";
  readonly hasOwnMemory = true;
  readonly #copies = new CopySessions();
  /** By array, for as long as it lives on; who makes large arrays that do not releases them. */
  readonly #tensors = new Map<Float32Array, DeviceTensor>();

  resident(array: Float32Array): DeviceTensor {
    const known = this.#tensors.get(array);
    if (known !== undefined) return known;
    const made = new DeviceTensor(array, this.#copies);
    this.#tensors.set(array, made);
    return made;
  }

  async download(array: Float32Array): Promise<void> {
    await this.#tensors.get(array)?.download();
  }

  touched(array: Float32Array): void {
    this.#tensors.get(array)?.release();
  }

  zero(array: Float32Array): void {
    const tensor = this.#tensors.get(array);
    if (tensor === undefined) array.fill(0);
    else tensor.zero();
  }

  release(array: Float32Array): void {
    this.#tensors.get(array)?.release();
    this.#tensors.delete(array);
  }

  async dispose(): Promise<void> {
    for (const tensor of this.#tensors.values()) tensor.release();
    this.#tensors.clear();
    await this.#copies.dispose();
  }
}

/** Models of one operator that move numbers between this process and the device; the binding has no calls for it. */
class CopySessions {
  readonly #sessions = new Map<string, Promise<ort.InferenceSession>>();

  toDevice(array: Float32Array): Promise<ort.Tensor> {
    return this.#run("upload", new ort.Tensor("float32", array, [array.length]));
  }

  async toArray(tensor: ort.Tensor): Promise<Float32Array> {
    const { data } = await this.#run("download", tensor);
    if (!(data instanceof Float32Array)) throw new Error("internal: a tensor on the device is not float32");
    return data;
  }

  /** Of the same shape, whatever stands in it: x < x is false, also of what is not a number. */
  zeros(tensor: ort.Tensor): Promise<ort.Tensor> {
    return this.#run("zeros", tensor);
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }

  async #run(kind: "upload" | "download" | "zeros", x: ort.Tensor): Promise<ort.Tensor> {
    let session = this.#sessions.get(kind);
    if (session === undefined) {
      session = copySession(kind);
      this.#sessions.set(kind, session);
    }
    const { y } = await (await session).run({ x });
    if (y === undefined) throw new Error(`internal: ${kind} has no output`);
    return y;
  }
}

function copySession(kind: "upload" | "download" | "zeros"): Promise<ort.InferenceSession> {
  const g = new GraphBuilder(kind);
  const x: Value = g.input("x", [1]);
  g.output("y", kind === "zeros" ? g.cast(g.less(x, x), "float32") : x);
  return ort.InferenceSession.create(encodeOnnx(g, { anyShape: true }), {
    executionProviders: ["webgpu"],
    logSeverityLevel: 3,
    ...(kind === "download" ? {} : { preferredOutputLocation: "gpu-buffer" as const }),
  });
}
