import { adapterContract } from "snakepit/testing";
import { describe, test } from "vitest";
import { PythonAdapter } from "../../packages/grpc-bridge/src/python-adapter.ts";
import { pythonFolder } from "./workspace.ts";

for (const transport of ["socket", "grpc"] as const) {
  describe(`Python workers over ${transport}`, () => {
    const python = { preload: ["e2e_commands"], path: [pythonFolder] };
    const cases = adapterContract({
      adapter: () => new PythonAdapter(python, transport),
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
}
