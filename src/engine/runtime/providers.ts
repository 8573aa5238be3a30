import * as ort from "onnxruntime-node";

export interface ProviderInfo {
  readonly name: string;
  readonly isUsed: boolean;
  /** Why it is used, or why not. */
  readonly reason: string;
}

/** Execution providers that this build of onnxruntime-node knows, and what comes of each here. */
export function describeProviders(): { readonly onnxruntime: string; readonly providers: readonly ProviderInfo[] } {
  const providers = ort.listSupportedBackends().map(({ name, bundled }): ProviderInfo => {
    if (name === "cpu") return { name, isUsed: true, reason: "gradients and sampling are computed on the CPU" };
    const reason = bundled
      ? "its library is there, but training runs on the CPU provider in this version"
      : "its library is not installed, and training runs on the CPU provider in this version";
    return { name, isUsed: false, reason };
  });
  return { onnxruntime: ort.env.versions.node ?? ort.env.versions.common, providers };
}
