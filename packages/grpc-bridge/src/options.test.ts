import { expect, test } from "vitest";
import { createBridge } from "./bridge.ts";

test.each([
  [5, /options of createBridge must be an object, not 5/],
  [{ maxWorker: 3 }, /createBridge has no option maxWorker.*maxWorkers/],
  [{ transport: "carrier pigeon" }, /transport is "carrier pigeon", not socket or grpc/],
  [{ python: "python3" }, /python must be an object, not "python3"/],
  [{ maxWorker: 3 }, /meant maxWorkers\?/],
  [{ adapter: {} }, /createBridge has no option adapter; known are .*rehydrate/],
  [{ python: { preloads: [] } }, /no option python.preloads; meant preload\?/],
  [{ python: { executable: 3 } }, /python.executable is 3, not a path/],
  [{ python: { autoSetup: "no" } }, /python.autoSetup is "no", not true or false/],
  [{ autoSetup: true }, /no option autoSetup; it belongs to Python: python: { autoSetup: true }/],
  [{ pools: { a: { preload: ["x"] } } }, /pools.a has no option preload; it belongs to Python/],
  [{ python: { extras: ["nonsense"] } }, /python.extras: there is no extra "nonsense"; .*"dspy"/],
  [{ python: { threads: 0 } }, /python.threads is 0, not a positive integer/],
  [{ python: { seed: 1.5 } }, /python.seed is 1.5, not an integer/],
  [{ store: 5 }, /store must be a store or its URL.*not 5/],
  [{ rehydrate: true }, /rehydrate must be a function, not true/],
  [{ logger: {} }, /logger/],
  [{ preset: "fast" }, /preset must be one of "balanced"/],
  [{ telemetry: 1 }, /telemetry must be true or false, not 1/],
  [{ inspect: "yes" }, /inspect must be true or false, not "yes"/],
  [{ maxValueBytes: 0 }, /maxValueBytes is 0, not a whole number of bytes from 65536/],
  [{ route: () => "a" }, /route needs pools/],
  [{ pools: [] }, /pools must be an object, not \[\]/],
  [{ pools: null }, /pools must be an object, not null/],
  [{ pools: { a: { python: { preload: 5 } } } }, /pools.a.python.preload is 5, not a list/],
  [
    { pools: { a: { python: 5 } }, python: 5 },
    /python must be an object, not 5.*pools.a.python must/,
  ],
  [{ pools: {} }, /pools must name at least one pool/],
  [{ pools: { a: 1 } }, /pools.a must be an object, not 1/],
  [{ pools: { a: {} }, route: "a" }, /route is "a", not a function/],
  [{ pools: { a: {} }, name: "b" }, /name cannot be set beside pools/],
  [{ pools: { a: { store: "memory:" } } }, /pools.a has no option store/],
  [{ pools: { a: { maxWorker: 1 } } }, /pools.a has no option maxWorker; meant maxWorkers\?/],
  [{ pools: { a: { maxWorkers: 0 } } }, /pools.a: maxWorkers must be an integer of at least 1/],
  [{ pools: { a: { python: { preloads: [] } } } }, /pools.a.python.preloads; meant preload\?/],
  [{ pools: { a: { transport: "tcp" } } }, /pools.a.transport is "tcp", not socket or grpc/],
  [{ pools: { a: { listen: {} } } }, /pools.a.listen is for transport: "grpc"/],
  [
    { transport: "grpc", pools: { a: { transport: undefined, listen: 5 } } },
    /pools.a.listen must be an object, not 5$/,
  ],
  [
    { transport: "grpc", listen: { port: 8443 }, pools: { a: {}, b: {}, c: { listen: {} } } },
    /listen.port 8443 cannot be that of the pools a and b at once; give each a listen of its own/,
  ],
  [{ pools: { a: { commands: "x" } } }, /pools.a.commands is "x", not a list of names/],
  [
    { pools: { a: { commands: ["*.x", "good.*"] } } },
    /^\[\w+\] pools.a.commands has "\*.x", which matches no command; a \* stands for any end, as in "vision.\*"$/,
  ],
  [{ pools: { a: { commands: ["a**"] } } }, /pools.a.commands has "a\*\*"/],
  [
    { pools: { a: { commands: ["x", "v.*"] }, b: {}, c: { commands: ["v.*"] } } },
    /^\[\w+\] commands "v.\*" cannot go to the pools a and c at once; name them in one$/,
  ],
  [{ pools: { a: {} }, store: 5 }, /store must be a store or its URL/],
  [{ python: { preload: "dspy" } }, /python.preload is "dspy", not a list of names/],
  [{ python: { path: ["/no/such/folder"] } }, /names \/no\/such\/folder, which does not exist/],
  [{ python: { env: { A: 1 } } }, /python.env.A is 1, not a string/],
  [{ python: { concurrency: 0 } }, /python.concurrency is 0, not a positive integer/],
  [{ python: { startMethod: "clone" } }, /startMethod is "clone", not fork or spawn/],
  [
    { python: { unknownObjects: "repr" } },
    /python.unknownObjects is "repr", not error or placeholder or ref/,
  ],
])("createBridge(%j) says what is wrong before anything starts", async (options, message) => {
  await expect(createBridge(options as never)).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    outcome: "not-started",
    message: expect.stringMatching(message),
  });
});

test("every problem is named at once", async () => {
  const python = { concurrency: -1, extras: "dspy" };
  const options = { transport: "x", python, maxQueue: -1, preset: "none" };
  const error = await createBridge(options as never).catch((reason: unknown) => String(reason));
  for (const part of ["transport", "python.concurrency", "python.extras", "maxQueue", "preset"])
    expect(error).toContain(part);
});
