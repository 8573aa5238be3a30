import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { DoctorCheck } from "../../protocol/messages.ts";
import { machineBytes } from "../embedded/policyMemory.ts";
import { policySizes, policySizeText } from "../embedded/policySizes.ts";
import { graphicsMemoryBytes } from "./graphicsMemory.ts";
import type { ProvidersInfo } from "../runtime/providers.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { probeArgument } from "./backendArguments.ts";
import { enginePrograms } from "./engineFiles.ts";
import type { EngineSettings } from "./launcher.ts";
import { videoRftVersion } from "./version.ts";

const gigabyte = 1e9;
const leastFreeBytes = 2 * gigabyte;
const leastMemoryBytes = 4 * gigabyte;
const commandTimeoutMs = 20_000;
/** Each provider is tried, a software adapter for some seconds. */
const probeTimeoutMs = 150_000;

/**
 * Looks at what a run needs. A check that is not ok says how to mend it; what is optional is ok when it is missing, and
 * says so.
 */
export async function runChecks(settings: EngineSettings, runsDir: string): Promise<DoctorCheck[]> {
  const checks = await Promise.all([
    checkDevice(settings.engineDir),
    checkFfmpeg(settings.ffmpegPath),
    checkPython(),
    checkDisk("disk of the runs", runsDir),
    checkDisk("disk of the frame cache", settings.cacheDir),
  ]);
  const onCard = await graphicsMemoryBytes();
  return [...checkVersions(), ...checks.flat(), ...checkMemory(onCard), ...checkPolicySizes(onCard)];
}

function checkVersions(): DoctorCheck[] {
  const node = process.versions.node;
  const detail = `Video RFT ${videoRftVersion}, Node ${node}, ${process.platform}-${process.arch}, ${os.release()}`;
  return [{ name: "versions", ok: true, detail }];
}

/** Asks a child process, since a native library may abort when it is loaded. */
async function checkDevice(engineDir: string): Promise<DoctorCheck[]> {
  const program = enginePrograms(engineDir).backend;
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
  const answer = await runProgram(process.execPath, [program, probeArgument], env, probeTimeoutMs);
  const cpu = `${os.cpus()[0]?.model.trim() ?? "unknown CPU"}, ${os.availableParallelism()} threads`;
  if (!answer.ok) {
    const fix = "Install the dependencies again (npm ci), or the extension's package for this platform.";
    return [{ name: "onnxruntime", ok: false, detail: `it cannot be loaded: ${answer.reason}`, fix }];
  }
  // SAFETY: printed by our own program, built beside this one.
  const probe = JSON.parse(answer.stdout) as ProvidersInfo;
  const used = probe.providers.find((provider) => provider.isUsed);
  return [
    {
      name: "onnxruntime",
      ok: used !== undefined,
      detail: `version ${probe.onnxruntime}, "device": "auto" computes on ${used?.name ?? "nothing"} (${cpu})`,
    },
    ...probe.providers.map(({ name, isUsed, reason }) => ({
      name: `provider ${name}`,
      ok: true, // none is a failure: the CPU is always there
      detail: `${isUsed ? "used" : "not used"}: ${reason}`,
    })),
  ];
}

async function checkFfmpeg(settingPath: string | null): Promise<DoctorCheck[]> {
  const sources = {
    setting: "setting",
    "ffmpeg-static": "package ffmpeg-static",
    storage: "fetched by the extension",
    path: "PATH",
  } as const;
  try {
    const ffmpeg = await locateFfmpeg({ settingPath });
    const detail = `${ffmpeg.version} at ${ffmpeg.path} (${sources[ffmpeg.source]})`;
    return [{ name: "ffmpeg", ok: true, detail }];
  } catch (error) {
    if (!UserError.is(error)) throw error;
    return [{ name: "ffmpeg", ok: false, detail: error.message, fix: error.hint }];
  }
}

/** Only rewards in Python and distributed backends need it. */
async function checkPython(): Promise<DoctorCheck[]> {
  const names = process.platform === "win32" ? ["python.exe", "py.exe"] : ["python3", "python"];
  for (const name of names) {
    const answer = await runProgram(name, ["--version"], process.env);
    if (answer.ok) return [{ name: "python", ok: true, detail: `${answer.stdout.trim()} (${name} on PATH)` }];
  }
  const detail = "none on PATH; it is not needed for runs on this machine";
  return [{ name: "python", ok: true, detail }];
}

/** @param onCard bytes of the graphics card's memory, where it is known */
function checkMemory(onCard: number | null): DoctorCheck[] {
  const total = os.totalmem();
  const ok = total >= leastMemoryBytes;
  const detail = `${inGigabytes(os.freemem())} free of ${inGigabytes(total)}`;
  const fix = "Policies of more than a few million parameters need a machine with more memory.";
  const card = onCard === null ? [] : [{ name: "graphics memory", ok: true, detail: inGigabytes(onCard) }];
  return [{ name: "memory", ok, detail, ...(ok ? {} : { fix }) }, ...card];
}

/** Which published policies fit; none is asked for, so none is a failure. */
function checkPolicySizes(onCard: number | null): DoctorCheck[] {
  return policySizes().map((size) => ({
    name: size.name,
    ok: true,
    detail: policySizeText(size, machineBytes(), onCard),
  }));
}

async function checkDisk(name: string, dir: string): Promise<DoctorCheck[]> {
  const existing = nearestExisting(dir);
  const stats = await fs.promises.statfs(existing);
  const freeBytes = stats.bavail * stats.bsize;
  const canWrite = await fs.promises.access(existing, fs.constants.W_OK).then(
    () => true,
    () => false,
  );
  const ok = canWrite && freeBytes >= leastFreeBytes;
  const detail = `${inGigabytes(freeBytes)} free at ${dir}${canWrite ? "" : ", which cannot be written"}`;
  const fix = canWrite
    ? "Free some space: checkpoints and decoded frames need it."
    : "Choose a folder that can be written: `runs` in the specification, VIDEO_RFT_CACHE for the frame cache.";
  return [{ name, ok, detail, ...(ok ? {} : { fix }) }];
}

function nearestExisting(dir: string): string {
  const absolute = path.resolve(dir);
  return fs.existsSync(absolute) ? absolute : nearestExisting(path.dirname(absolute));
}

function inGigabytes(bytes: number): string {
  return `${(bytes / gigabyte).toFixed(1)} GB`;
}

type Answer = { readonly ok: true; readonly stdout: string } | { readonly ok: false; readonly reason: string };

function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeout = commandTimeoutMs,
): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(program, [...args], { env, timeout, windowsHide: true, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) return resolve({ ok: true, stdout });
      const said = stderr.split("\n").find((line) => /Error|error/.test(line)) ?? error.message;
      resolve({ ok: false, reason: said.trim() });
    });
  });
}
