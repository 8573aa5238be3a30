import fs from "node:fs";
import path from "node:path";

/**
 * onnxruntime does not say which graphics adapter it computes on. The system does: a driver of hardware holds the device
 * open (Linux), or is a library of the vendor's (Windows). macOS has Metal, on hardware only.
 * To be asked in a process in which a graph has just run on the adapter.
 */
export function usesGraphicsHardware(): boolean {
  if (process.platform === "darwin") return true;
  if (process.platform === "win32") return loadedLibraries().some((file) => isVendorDriver(path.win32.basename(file)));
  return openFiles().some((file) => isGraphicsDevice(file));
}

/** Whether there may be a graphics card: reason enough to try, where trying takes seconds. */
export function mayHaveGraphicsHardware(): boolean {
  if (process.platform !== "linux") return true;
  return [...namesIn("/dev/dri", "/dev/dri/"), ...namesIn("/dev", "/dev/")].some((file) => isGraphicsDevice(file));
}

/** Folder of the binding and of the libraries that it looks for beside itself. */
export function onnxruntimeDir(): string {
  const binding = loadedLibraries().find((file) => path.basename(file) === "onnxruntime_binding.node");
  if (binding === undefined) throw new Error("internal: onnxruntime is not loaded");
  return path.dirname(binding);
}

/** Render nodes of the kernel's drivers, NVIDIA's, Windows' under Linux, and those of ARM and Qualcomm. */
export function isGraphicsDevice(file: string): boolean {
  return /^\/dev\/(dri\/renderD\d+|nvidia\d+|dxg|mali\d+|kgsl-3d\d+)$/.test(file);
}

/** User-mode drivers of NVIDIA, AMD, Intel and Qualcomm for Direct3D and Vulkan; Microsoft's d3d10warp.dll is software. */
export function isVendorDriver(library: string): boolean {
  return /^(nvwgf2|nvldumd|nvoglv|nvd3d|amdxc|amdxx|atidxx|amdvlk|atiumd|igc\d|igd|igvk|ig\d+icd|qcdx|qcvk)/i.test(
    library,
  );
}

function loadedLibraries(): readonly string[] {
  // SAFETY: Node documents the list; its type says only that a report is an object.
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects?: readonly string[] };
  return sharedObjects ?? [];
}

function openFiles(): string[] {
  return namesIn("/proc/self/fd", "/proc/self/fd/").flatMap((link) => {
    try {
      return [fs.readlinkSync(link)];
    } catch {
      return []; // closed since: the listing's own
    }
  });
}

function namesIn(dir: string, prefix: string): string[] {
  try {
    return fs.readdirSync(dir).map((name) => prefix + name);
  } catch {
    return []; // a system without it
  }
}
