import fs from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identifyProcess, isSameProcess } from "../store/processIdentity.ts";

/** A run that uses the device or waits for it; one file each in the queue's folder. */
export interface DeviceTicket {
  readonly pid: number;
  readonly processKey: string; // see ProcessIdentity
  readonly runId: string;
  readonly runDir: string;
  readonly isRunning: boolean;
}

export interface DeviceTurn {
  /** Lets the next one in. May be called more than once. */
  release(): void;
}

export interface WaitForDeviceOptions {
  /** Folder of the queue: one per device. */
  readonly dir: string;
  readonly runId: string;
  readonly runDir: string;
  /** Called when the run that is waited for changes. */
  readonly onWait: (ahead: DeviceTicket) => void;
  readonly signal: AbortSignal;
  readonly pollMs?: number | undefined;
}

/**
 * Waits until no other living run uses the device and none waits longer. Tickets are files named by time and pid;
 * those of dead processes are removed by whoever sees them.
 *
 * At most one run has the device: each marks its ticket as running *before* it looks at the others once more, so of two
 * that do so at the same time at least one sees the other, and steps back.
 * Throws the signal's reason when it is aborted.
 */
export async function waitForDevice(options: WaitForDeviceOptions): Promise<DeviceTurn> {
  const { dir, signal, pollMs = 500 } = options;
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const processKey = (await identifyProcess(process.pid))?.key ?? "";
  const waiting: DeviceTicket = {
    pid: process.pid,
    processKey,
    runId: options.runId,
    runDir: options.runDir,
    isRunning: false,
  };
  const name = `${String(Date.now()).padStart(15, "0")}-${process.pid}.json`;
  const file = path.join(dir, name);
  const verified = new Set<string>();
  const release = (): void => fs.rmSync(file, { force: true });
  let announced = "";
  try {
    write(file, waiting);
    for (;;) {
      signal.throwIfAborted();
      const ahead = firstAhead(await livingTickets(dir, verified), name);
      if (ahead === null) {
        write(file, { ...waiting, isRunning: true });
        const tickets = await livingTickets(dir, verified);
        if (!tickets.some(([other, ticket]) => other !== name && ticket.isRunning)) return { release };
        write(file, waiting);
        await delay(pollMs * Math.random(), undefined, { signal });
        continue;
      }
      if (ahead.runId !== announced) options.onWait(ahead);
      announced = ahead.runId;
      await delay(pollMs, undefined, { signal });
    }
  } catch (error) {
    release();
    throw signal.aborted ? signal.reason : error;
  }
}

/** Runs that have the device now; usually one or none. */
export async function runsOnDevice(dir: string): Promise<readonly DeviceTicket[]> {
  if (!fs.existsSync(dir)) return [];
  const tickets = await livingTickets(dir, new Set());
  return tickets.map(([, ticket]) => ticket).filter(({ isRunning }) => isRunning);
}

/** The run that uses the device, else the one that waits longest, when it came before `name`. */
function firstAhead(tickets: readonly (readonly [string, DeviceTicket])[], name: string): DeviceTicket | null {
  const others = tickets.filter(([other]) => other !== name);
  const running = others.find(([, ticket]) => ticket.isRunning);
  if (running !== undefined) return running[1];
  return others.find(([other]) => other < name)?.[1] ?? null;
}

/** In order of arrival. `verified` holds the tickets whose process was identified once; asking again costs a process on Windows. */
async function livingTickets(dir: string, verified: Set<string>): Promise<(readonly [string, DeviceTicket])[]> {
  const living: (readonly [string, DeviceTicket])[] = [];
  for (const name of fs.readdirSync(dir).sort()) {
    if (!name.endsWith(".json")) continue;
    const file = path.join(dir, name);
    const ticket = read(file);
    if (ticket === null) continue;
    const isAlive = verified.has(name) ? isPidTaken(ticket.pid) : await isOwnerAlive(ticket);
    if (isAlive) {
      verified.add(name);
      living.push([name, ticket]);
    } else {
      fs.rmSync(file, { force: true });
    }
  }
  return living;
}

async function isOwnerAlive(ticket: DeviceTicket): Promise<boolean> {
  const identity = await identifyProcess(ticket.pid);
  return identity !== null && isSameProcess(identity.key, ticket.processKey);
}

function isPidTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function write(file: string, ticket: DeviceTicket): void {
  const temporary = `${file}.tmp`;
  fs.writeFileSync(temporary, JSON.stringify(ticket));
  fs.renameSync(temporary, file);
}

/** null when it went away meanwhile. */
function read(file: string): DeviceTicket | null {
  try {
    // SAFETY: only `write` makes such files, and it replaces them whole.
    return JSON.parse(fs.readFileSync(file, "utf8")) as DeviceTicket;
  } catch {
    return null;
  }
}
