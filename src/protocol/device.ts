/** Execution providers of onnxruntime that a policy is computed on. */
export const providers = ["cpu", "webgpu", "cuda"] as const;
export type Provider = (typeof providers)[number];

/** What a specification may ask for; `auto` takes what is likely to be fastest of what the machine has. */
export const deviceChoices = ["auto", ...providers] as const;
export type DeviceChoice = (typeof deviceChoices)[number];
