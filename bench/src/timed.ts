import { type CpuTime, cpuPerOperation, cpuTime } from "./cpu.ts";

/** What one contestant did in one round: a value for each row, and the CPU time of one operation. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  readonly cpu: CpuTime | undefined;
}

export interface Work {
  readonly operations: number;
  values(elapsedMs: number): Record<string, number>;
}

export async function timed(work: () => Promise<Work>): Promise<Sample> {
  const cpuBefore = cpuTime();
  const startMs = performance.now();
  const { operations, values } = await work();
  const elapsedMs = performance.now() - startMs;
  return {
    values: values(elapsedMs),
    cpu: cpuPerOperation(cpuBefore, cpuTime(), operations),
  };
}
