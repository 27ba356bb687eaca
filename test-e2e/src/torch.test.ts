/** What is said of torch, with the real one: `python/torch_environment.py` installs it. */
import { mkdirSync, readFileSync } from "node:fs";
import {
  type AnyTensor,
  type Bridge,
  type PyRef,
  Tensor,
  type TensorDtype,
} from "snakepit-grpc-bridge";
import { describe, expect, test } from "vitest";
import { gone, made, pythonFolder, temporaryFolder, testBridge, written } from "./workspace.ts";

const executable = process.env["SNAKEPIT_TORCH_PYTHON"];
const shape = [2, 3, 4];

if (executable === undefined) {
  const name = "torch (skipped: SNAKEPIT_TORCH_PYTHON names no Python that has it)";
  console.warn(name);
  test.skip(name);
} else {
  describe("torch", { timeout: 120_000 }, () => promises(executable));
}

function promises(executable: string): void {
  const python = { executable, preload: ["torch", "torch_commands"], path: [pythonFolder] };

  describe.each(["socket", "grpc"] as const)("over %s", (transport) => {
    test("a tensor of every type arrives exactly, and is a tensor again in Python", async () => {
      const bridge = await testBridge({ transport, python });
      for (const [dtype, data] of Object.entries(ramps(24))) {
        const args = { dtype, shape };
        const tensor = await bridge.execute("torch.ramp", args);
        expect(tensor, dtype).toEqual(new Tensor({ dtype: dtype as TensorDtype, shape, data }));
        for (const command of ["torch.is_ramp", "torch.is_ramp_by_hand"]) {
          expect(await bridge.execute(command, { ...args, value: tensor }), dtype).toBe(true);
        }
      }
      await expectsViews(bridge);
    });

    test("a tensor of 64 MiB is doubled in place and comes back", async () => {
      const bridge = await testBridge({ transport, python });
      const data = Float32Array.from({ length: 2 ** 24 }, (_, index) => index % 1024);
      const value = new Tensor({ dtype: "float32", shape: [4096, 4096], data });
      const back = await bridge.execute<AnyTensor>("torch.double", { value });
      expect([back.dtype, back.shape]).toEqual(["float32", [4096, 4096]]);
      expect((back.data as Float32Array).every((it, index) => it === 2 * (index % 1024))).toBe(
        true,
      );
    });
  });

  test("what is no plain tensor fails alone in a batch of good ones, with what to send", async () => {
    const bridge = await testBridge({ python });
    const odd = {
      sparse: "send tensor.to_dense()",
      quantized: "send tensor.dequantize()",
      meta: "is on the device meta",
      subclass: "send x.as_subclass(torch.Tensor)",
    };
    const kinds = Object.entries(odd).flatMap((pair) => [pair, undefined]);
    const answers = await Promise.all(
      kinds.map((pair, n) =>
        pair === undefined
          ? bridge.execute("torch.ramp", { dtype: "int64", shape: [n] })
          : bridge.execute("torch.odd", { kind: pair[0] }).catch((error: unknown) => error),
      ),
    );
    for (const [n, pair] of kinds.entries()) {
      if (pair === undefined) {
        expect(answers[n]).toEqual(tensor("int64", [n], BigInt64Array.from(integers(n), BigInt)));
        continue;
      }
      expect(answers[n]).toMatchObject({
        code: "SERIALIZATION",
        message: expect.stringContaining(pair[1]),
        details: { path: "value" },
      });
    }
  });

  test("a view that stands for more than maxValueBytes is refused before it is copied", async () => {
    const bridge = await testBridge({ python });
    for (const kind of ["endless", "bfloat16"]) {
      await expect(bridge.execute("torch.odd", { kind })).rejects.toMatchObject({
        code: "VALUE_TOO_LARGE",
      });
    }
    expect(mostMemory(bridge)).toBeLessThan(2 ** 30);
  });

  test("what is no array is refused before a command that wants a tensor begins", async () => {
    const bridge = await testBridge({ python });
    const typed = Float64Array.of(1, 2);
    expect(await bridge.execute("torch.double", { value: typed })).toEqual(
      tensor("float64", [2], Float64Array.of(2, 4)),
    );
    for (const value of [[1, 2], 1.5, new Uint8Array(2), null]) {
      await expect(bridge.execute("torch.double", { value })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        outcome: "not-started",
        message: expect.stringContaining("value must be torch.Tensor"),
      });
    }
  });

  test.each(["fork", "spawn"] as const)(
    "a network answers the same in workers side by side, with the threads they may have (%s)",
    async (startMethod) => {
      const bridge = await testBridge({
        minWorkers: 3,
        maxWorkers: 3,
        python: { ...python, startMethod, threads: 2, concurrency: 1 },
      });
      const isForked = bridge.status().pools["default"]?.forkServer !== undefined;
      expect(isForked).toBe(startMethod === "fork");
      const folder = `${temporaryFolder()}/pids`;
      mkdirSync(folder);
      // Enough numbers for torch to use its threads.
      const batch = tensor(
        "float32",
        [1024, 64],
        Float32Array.from(integers(65_536), (n) => n % 7),
      );
      const answers = await Promise.all(
        [1, 2, 3].map(() =>
          bridge.execute<Together>("torch.infer_together", { batch, folder, count: 3 }),
        ),
      );
      expect(new Set(answers.map(({ pid }) => pid)).size).toBe(3);
      expect(answers.map(({ threads }) => threads)).toEqual([2, 2, 2]);
      const [first, ...others] = answers.map(({ answer }) => answer);
      expect(first?.shape).toEqual([1024, 8]);
      expect(sum(first?.data.subarray(0, 8) as Float32Array)).toBeCloseTo(1, 5);
      expect(others).toEqual([first, first]);
    },
  );

  test("the same seed gives the n-th worker the same numbers of torch, forked or spawned", async () => {
    const draw = async (options: object) => {
      const bridge = await testBridge({ python: { ...python, ...options } });
      const first = await bridge.execute("torch.draw");
      const pid = await bridge.python.call<number>("os.getpid");
      process.kill(pid, "SIGKILL");
      await gone([pid]);
      const second = await bridge.execute("torch.draw", {}, { idempotent: true });
      await bridge.close({ graceMs: 0 });
      return [first, second];
    };
    const once = await draw({ seed: 42 });
    expect(once[0]).toHaveLength(4);
    expect(once[0]).not.toEqual(once[1]);
    expect(await draw({ seed: 42 })).toEqual(once);
    expect(await draw({ seed: 42, startMethod: "spawn" })).toEqual(once);
    const [one, two] = await draw({});
    expect(one).not.toEqual(two);
  });

  test("a model is a reference, and runs in a later call of its session", async () => {
    const bridge = await testBridge({
      maxWorkers: 2,
      python: { ...python, unknownObjects: "ref" },
    });
    const session = bridge.session("one", { affinity: "require" });
    const it = await session.execute<PyRef>("torch.make_model");
    expect(it.typeName).toBe("torch.nn.modules.container.Sequential");
    const batch = tensor("float32", [2, 64], Float32Array.from(integers(128)));
    const answer = await session.execute("torch.run_model", { it, batch });
    expect(answer).toEqual(await bridge.execute("torch.infer", { batch }));
  });

  test("a training loop that looks for its caller ends when that has gone, and its worker serves on", async () => {
    const bridge = await testBridge({ python });
    const pid = await bridge.python.call("os.getpid");
    const mark = `${temporaryFolder()}/mark`;
    const cancel = new AbortController();
    const call = bridge.execute("torch.train", { mark }, { signal: cancel.signal });
    await made(`${mark}.began`);
    cancel.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    expect(await written(mark)).toBe("ended");
    expect(await bridge.python.call("os.getpid")).toBe(pid);
  });
}

interface Together {
  readonly pid: number;
  readonly threads: number;
  readonly answer: AnyTensor;
}

/** In bytes: the most that its first worker has ever had. */
function mostMemory(bridge: Bridge): number {
  const status = readFileSync(`/proc/${bridge.pool.workers()[0]?.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function expectsViews(bridge: Bridge): Promise<void> {
  const floats = (...values: number[]) => Float32Array.of(...values);
  expect(await bridge.execute("torch.views")).toEqual({
    transposed: tensor("float32", [3, 2], floats(0, 3, 1, 4, 2, 5)),
    strided: tensor("float32", [2, 2], floats(0, 2, 3, 5)),
    expanded: tensor("int32", [2, 2], Int32Array.of(7, 7, 7, 7)),
    single: tensor("float64", [], Float64Array.of(1.5)),
    empty: tensor("bfloat16", [0, 3], new Uint16Array()),
    conjugate: tensor("complex64", [2], floats(1, -2, 3, 4)),
    negative: tensor("float32", [2], floats(-2, 4)),
    gradient: tensor("float32", [2], floats(3, 3)),
    parameter: tensor("float32", [1], floats(1)),
  });
}

function tensor<Dtype extends TensorDtype>(
  dtype: Dtype,
  shape: readonly number[],
  data: Tensor<Dtype>["data"],
): Tensor<Dtype> {
  return new Tensor({ dtype, shape, data });
}

/** 0, 1, 2, … in every type. */
function ramps(count: number): { [Dtype in TensorDtype]: Tensor<Dtype>["data"] } {
  const all = integers(count);
  const pairs = all.flatMap((n) => [n, 0]);
  return {
    bool: Uint8Array.from(all, (n) => n % 2),
    int8: Int8Array.from(all),
    uint8: Uint8Array.from(all),
    int16: Int16Array.from(all),
    uint16: Uint16Array.from(all),
    int32: Int32Array.from(all),
    uint32: Uint32Array.from(all),
    int64: BigInt64Array.from(all, BigInt),
    uint64: BigUint64Array.from(all, BigInt),
    float16: Uint16Array.from(all, (n) => floatBits(n, 15, 10)),
    bfloat16: Uint16Array.from(all, (n) => floatBits(n, 127, 7)),
    float32: Float32Array.from(all),
    float64: Float64Array.from(all),
    complex64: Float32Array.from(pairs),
    complex128: Float64Array.from(pairs),
  };
}

/** Of a small integer, in a format with this bias of the exponent and so many bits of fraction. */
function floatBits(n: number, bias: number, fractionBits: number): number {
  if (n === 0) return 0;
  const exponent = Math.floor(Math.log2(n));
  return (exponent + bias) * 2 ** fractionBits + (n / 2 ** exponent - 1) * 2 ** fractionBits;
}

function integers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
