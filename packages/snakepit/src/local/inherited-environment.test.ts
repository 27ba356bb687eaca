import { expect, test } from "vitest";
import { inheritedEnvironment } from "./inherited-environment.ts";

test("a worker inherits what it needs to run, and no secret", () => {
  const source = {
    PATH: "/bin",
    LC_ALL: "C",
    XDG_RUNTIME_DIR: "/run/user/1",
    https_proxy: "http://proxy",
    CUDA_VISIBLE_DEVICES: "0",
    OPENAI_API_KEY: "secret",
    DATABASE_URL: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    SECRET_PROXY: "secret",
    NODE_OPTIONS: "--inspect",
    LD_PRELOAD: "evil.so",
    HOME: undefined,
  };
  expect(inheritedEnvironment(source)).toEqual({
    PATH: "/bin",
    LC_ALL: "C",
    XDG_RUNTIME_DIR: "/run/user/1",
    https_proxy: "http://proxy",
    CUDA_VISIBLE_DEVICES: "0",
  });
});

test("a worker inherits what the caller names", () => {
  const source = { MY_KEY: "1", MY_OTHER: "2", APP_A: "3", APP_B: "4" };
  expect(inheritedEnvironment(source, ["MY_KEY", "APP_*"])).toEqual({
    MY_KEY: "1",
    APP_A: "3",
    APP_B: "4",
  });
});
