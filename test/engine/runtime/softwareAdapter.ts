import os from "node:os";

/**
 * Lets this process compute with WebGPU on a driver that needs no graphics card (SwiftShader, part of Chromium).
 * @returns false where `test/run.mjs` has found none
 */
export function useSoftwareAdapter(): boolean {
  const driver = process.env["TEST_VULKAN_DRIVER"] ?? "";
  if (driver === "") return false;
  process.env["VK_ICD_FILENAMES"] = driver;
  process.env["XDG_RUNTIME_DIR"] ??= os.tmpdir();
  return true;
}

export const noAdapter =
  "NOT CHECKED, for want of a software adapter: nothing of WebGPU. Install Chromium (Debian) or Google Chrome (Linux)";
