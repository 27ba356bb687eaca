import { adapterContract } from "snakepit/testing";
import { describe, test } from "vitest";
import { resolveListen } from "../../packages/grpc-bridge/src/listen-options.ts";
import { PythonAdapter } from "../../packages/grpc-bridge/src/python-adapter.ts";
import { listen } from "./certificates-of-this-file.ts";
import { pythonFolder } from "./workspace.ts";

const python = { preload: ["e2e_commands"], path: [pythonFolder] };

describe.each([
  { way: "a socket", adapter: () => new PythonAdapter(python, "socket") },
  { way: "gRPC", adapter: () => new PythonAdapter(python, "grpc") },
  {
    way: "gRPC with certificates",
    adapter: () => new PythonAdapter(python, "grpc", { listen: resolveListen(listen) }),
  },
])("Python workers over $way", ({ adapter }) => {
  const cases = adapterContract({
    adapter,
    echo: "echo",
    slow: { command: "sleep", args: { seconds: 60 }, onCancel: "stops" },
    fail: { command: "e2e.fail", type: "ValueError", message: "the answer is not 42" },
    stream: { command: "e2e.count", args: { n: 3 }, chunks: [0, 1, 2] },
    endlessStream: { command: "e2e.count", args: { n: 1_000_000_000 } },
    crash: { command: "e2e.segfault" },
    session: { command: "e2e.session" },
    missingProgram: "absent", // a forked worker runs what its fork server has found
  });
  for (const { name, run } of cases) test(name, run, 60_000);
});
