import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bridge, type BridgeOptions, createBridge } from "snakepit-grpc-bridge";
import { onTestFinished } from "vitest";

/** Where `e2e_commands.py` lies. */
export const pythonFolder = join(import.meta.dirname, "../python");

/** The Python of the tests, with all that our tests use. */
export function workersPython(): string {
  return (
    process.env["SNAKEPIT_PYTHON"] ?? join(import.meta.dirname, "../../python/.venv/bin/python")
  );
}

let usual: BridgeOptions = {};

/** For a file that runs the tests of others once more, with bridges of another kind. */
export function useBridgesWith(options: BridgeOptions): void {
  usual = options;
}

/** A bridge whose workers know the commands of `e2e_commands.py`; it ends with the test. */
export async function testBridge({ python, ...options }: BridgeOptions = {}): Promise<Bridge> {
  const bridge = await createBridge({
    minWorkers: 1,
    maxWorkers: 1,
    ...usual,
    ...options,
    python: { preload: ["e2e_commands"], path: [pythonFolder], ...python },
  });
  openBridges.add(bridge);
  onTestFinished(() => ended(bridge));
  return bridge;
}

const openBridges = new Set<Bridge>();

async function ended(bridge: Bridge): Promise<void> {
  await bridge.close({ graceMs: 0 });
  openBridges.delete(bridge);
}

/** A folder that goes with the test, after the bridges whose workers may still write into it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "snakepit-e2e-"));
  onTestFinished(async () => {
    await Promise.all([...openBridges].map(ended));
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Resolves with what a worker wrote into `path`, as soon as it has. */
export async function written(path: string): Promise<string> {
  while (!existsSync(path) || readFileSync(path, "utf8") === "") await nextTurn();
  return readFileSync(path, "utf8");
}

/** Resolves once `path` exists. */
export async function made(path: string): Promise<void> {
  while (!existsSync(path)) await nextTurn();
}

/** False also for a zombie, which `kill -0` would call alive. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await nextTurn();
}

/** Resolves once nothing is left in a folder. */
export async function emptied(folder: string): Promise<void> {
  while (readdirSync(folder).length > 0) await nextTurn();
}

/** Every process whose environment holds `NAME=value`. */
export function processesMarked(mark: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => isRunning(pid) && environment(pid).includes(mark));
}

function environment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return []; // it ended while we looked, or belongs to somebody else
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 2);
  });
}
