import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { SnakepitError } from "snakepit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { wordsOf } from "../error-words.ts";
import { damagedAdvice } from "./damaged-advice.ts";
import { ensureEnvironment, type MakeOptions, setUp } from "./managed-environment.ts";
import type { SetupProgress } from "./progress.ts";
import { resolvePython } from "./resolve-python.ts";
import { runSetup } from "./setup-command.ts";
import { inWordsOf, setupCommandLine, setupError } from "./setup-error.ts";

const run = promisify(execFile);

// A wheel of our name without any code of ours, and locks without packages: what is tested is the
// making of environments, offline and in a second. `test-e2e` installs the real ones.
const makeWheel = `
import sys, zipfile
folder, version = sys.argv[1:]
info = f"snakepit_bridge-{version}.dist-info"
files = {
    "snakepit_bridge/__init__.py": "",
    "ormsgpack.py": "",
    "dspy.py": "",
    "grpc.py": "",
    f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: snakepit-bridge\\nVersion: {version}\\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
record = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(f"{folder}/snakepit_bridge-{version}-py3-none-any.whl", "w") as wheel:
    for name, text in {**files, f"{info}/RECORD": record}.items():
        wheel.writestr(name, text)
`;

// The workspace's own uv, so that not each test fetches one; where it is missing they do.
const uvCache = join(import.meta.dirname, "../../../../tools/uv/.cache");
const workspaceUv = join(
  uvCache,
  existsSync(uvCache) ? (readdirSync(uvCache)[0] ?? "") : "",
  "bin",
);
const machinePath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

// Real environments on a busy machine; the slowest of these takes four seconds on an idle one.
vi.setConfig({ testTimeout: 120_000 });

let room: string;
let shipped: string;
let steps: SetupProgress[];

beforeEach(async () => {
  room = mkdtempSync(join(tmpdir(), "snakepit-environment-"));
  shipped = join(room, "shipped");
  steps = [];
  mkdirSync(shipped);
  for (const name of ["core", "dspy", "grpc"]) {
    writeFileSync(join(shipped, `requirements-${name}.lock`), "");
  }
  const uvLock = join(uvCache, "../requirements.txt");
  copyFileSync(uvLock, join(shipped, "requirements-uv.lock"));
  await run("python3", ["-c", makeWheel, shipped, "1.2.3"]);
  vi.stubEnv("XDG_CACHE_HOME", join(room, "cache"));
  vi.stubEnv("SNAKEPIT_PYTHON", undefined);
  vi.stubEnv("PATH", `${workspaceUv}:${machinePath}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(room, { recursive: true, force: true });
});

function options(more: MakeOptions = {}): MakeOptions {
  return { shipped, onProgress: (step) => steps.push(step), autoSetup: true, ...more };
}

/** A program on a PATH of its own, before or instead of the machine's. */
function program(name: string, script: string): string {
  const folder = join(room, "bin");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  return folder;
}

interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly stderr: string;
}

function failure(error: unknown): Failure {
  if (!SnakepitError.is(error, "WORKER_START_FAILED")) throw error;
  const { reason, stderr } = error.details;
  return { reason, message: wordsOf(error), stderr: stderr ?? "" };
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => ({ reason: "none", message: "it succeeded", stderr: "" }),
    (error: unknown) => failure(error),
  );
}

test("an environment is made once, and found again without a process being started", async () => {
  const made = await ensureEnvironment(options());
  expect(made.versions).toMatchObject({ "snakepit-bridge": "1.2.3" });
  expect(made.executable).toBe(join(made.folder, "bin/python"));
  expect(steps.map(({ step }) => step)).toContain("create");
  expect(steps.at(-1)?.step).toBe("ready");
  await run(made.executable, ["-c", "import snakepit_bridge"]);

  steps = [];
  vi.stubEnv("PATH", "/nowhere");
  expect(await ensureEnvironment(options({ autoSetup: false }))).toEqual(made);
  expect(steps).toEqual([]);
});

test("two processes that need the same environment make it once", async () => {
  const module = join(import.meta.dirname, "managed-environment.ts");
  const script = `
import { ensureEnvironment } from ${JSON.stringify(module)};
const onProgress = ({ step }) => console.log(step);
const made = await ensureEnvironment({ shipped: ${JSON.stringify(shipped)}, autoSetup: true, onProgress });
console.log(made.folder);`;
  const start = () => run(process.execPath, ["--input-type=module", "-e", script]);
  const [first, second] = await Promise.all([start(), start()]);
  const lines = [first, second].map(({ stdout }) => stdout.trim().split("\n"));
  expect(lines[0]?.at(-1)).toBe(lines[1]?.at(-1));
  expect(lines.flat().filter((step) => step === "ready")).toHaveLength(1);
  expect(readdirSync(join(room, "cache/snakepit-bridge"))).toHaveLength(1);
});

test("the lock of a process that was killed does not hold up the next one", async () => {
  const { folder } = await ensureEnvironment(options());
  const { stdout } = await run(process.execPath, ["-p", "process.pid"]);
  const holder = { pid: Number(stdout), host: hostname(), nonce: "gone" };
  writeFileSync(`${folder}.lock`, JSON.stringify(holder));
  await setUp(options({ force: true }));
  expect(existsSync(`${folder}.lock`)).toBe(false);
});

test("without an environment and without a terminal it fails at once and names the command", async () => {
  const plain = await failureOf(ensureEnvironment(options({ autoSetup: false })));
  expect(plain.reason).toBe("adapter-open");
  expect(plain.message).toContain("`npx snakepit-bridge setup`");
  const dspy = await failureOf(ensureEnvironment(options({ autoSetup: false, extras: ["dspy"] })));
  expect(dspy.message).toContain("there is no Python environment yet; make it once with");
  expect(dspy.message).toContain("`npx snakepit-bridge setup --extra dspy`");
  const grpc = await failureOf(ensureEnvironment(options({ autoSetup: false, extras: ["grpc"] })));
  expect(grpc.message).toContain("`npx snakepit-bridge setup --extra grpc`");
  expect(existsSync(join(room, "cache"))).toBe(false);
});

test("an environment without an extra is not taken for none at all", async () => {
  await ensureEnvironment(options());
  const { message } = await failureOf(
    ensureEnvironment(options({ autoSetup: false, extras: ["dspy", "grpc"] })),
  );
  expect(message).toMatch(
    /there is no Python environment with dspy and grpc yet; make it once with `npx snakepit-bridge setup --extra dspy --extra grpc`/,
  );
});

test("an environment with more extras than asked for is good enough", async () => {
  const made = await ensureEnvironment(options({ extras: ["grpc", "dspy"] }));
  expect(await ensureEnvironment(options({ extras: ["dspy"], autoSetup: false }))).toEqual(made);
  expect(await ensureEnvironment(options({ autoSetup: false }))).toEqual(made);
});

test("an unknown extra is refused with the names of those there are", async () => {
  await expect(ensureEnvironment(options({ extras: ["torch"] }))).rejects.toThrow(
    /no extra "torch"; there are .*"dspy"/,
  );
});

test("a half-made environment is noticed, and made anew by setup", async () => {
  const made = await ensureEnvironment(options());
  rmSync(join(made.folder, "snakepit-ready.json"));
  const { reason, message } = await failureOf(ensureEnvironment(options({ autoSetup: false })));
  expect(reason).toBe("adapter-open");
  expect(message).toMatch(/only half made; mend it with `npx snakepit-bridge setup`/);
  expect(await setUp(options())).toEqual(made);
});

test("an environment whose Python is gone is noticed, and made anew by setup", async () => {
  const made = await ensureEnvironment(options());
  rmSync(made.executable);
  symlinkSync("/nowhere/python3", made.executable);
  const { message } = await failureOf(ensureEnvironment(options({ autoSetup: false })));
  expect(message).toMatch(/its Python, .+, is gone; mend it with/);
  expect(await setUp(options())).toEqual(made);
  await run(made.executable, ["-c", "import snakepit_bridge"]);
});

test("an environment whose Python was replaced by another version is noticed", async () => {
  const made = await ensureEnvironment(options());
  const other = program("python", 'echo "No module named snakepit_bridge" >&2; exit 1');
  rmSync(made.executable);
  symlinkSync(join(other, "python"), made.executable);
  const { message } = await failureOf(ensureEnvironment(options({ autoSetup: false })));
  expect(message).toMatch(/has been replaced by another one; mend it with/);
});

test.each([
  ["everything", ""],
  ["one package", "ormsgpack*"],
])(
  "an environment from which %s is gone is made anew by setup, and the worker's end says so",
  async (_, gone) => {
    const made = await setUp(options({ extras: ["dspy"] }));
    await run("sh", ["-c", `rm -rf "$1"/lib/python3*/site-packages/${gone}`, "sh", made.folder]);
    const { stderr } = await run(made.executable, ["-c", "import ormsgpack, snakepit_bridge"]).then(
      () => ({ stderr: "it works" }),
      (error: { stderr: string }) => error,
    );
    expect(damagedAdvice(made.executable, stderr, shipped)).toBe(
      `the Python environment in ${made.folder} is damaged; mend it with \`npx snakepit-bridge setup --extra dspy\``,
    );

    steps = [];
    expect(await setUp(options({ extras: ["dspy"] }))).toEqual(made);
    expect(steps[0]?.message).toMatch(/anew, since it is damaged \(ModuleNotFoundError: No module/);
    await run(made.executable, ["-c", "import snakepit_bridge, ormsgpack"]);

    steps = [];
    expect(await setUp(options({ extras: ["dspy"] }))).toEqual(made);
    expect(steps).toEqual([]);
  },
);

test("only what the environment was to bring counts as damage to it", async () => {
  const { executable } = await ensureEnvironment(options());
  const advice = (stderr: string) => damagedAdvice(executable, stderr, shipped);
  expect(advice(`${executable}: No module named snakepit_bridge.fork_server`)).toContain("setup`");
  expect(advice("ImportError: /x/site-packages/ormsgpack/a.so: undefined symbol")).toBeDefined();
  expect(advice("ImportError: cannot import name 'packb' from 'ormsgpack' (x)")).toBeDefined();
  expect(advice("ModuleNotFoundError: No module named 'torch'")).toBeUndefined();
  expect(advice("ModuleNotFoundError: No module named 'dspy'")).toBeUndefined();
  expect(advice("ValueError: ormsgpack")).toBeUndefined();
  const ours = "ModuleNotFoundError: No module named 'snakepit_bridge'";
  expect(damagedAdvice("/usr/bin/python3", ours, shipped)).toBeUndefined();
});

test("a cache folder that cannot be made is one sentence with the way out", async () => {
  const file = join(room, "a-file");
  writeFileSync(file, "");
  vi.stubEnv("XDG_CACHE_HOME", file);
  const { reason, message } = await failureOf(setUp(options()));
  expect(reason).toBe("adapter-open");
  expect(message).toBe(
    `the folder ${file}/snakepit-bridge for the Python environment cannot be made (ENOTDIR); set XDG_CACHE_HOME to one that can be written`,
  );
});

// Nothing listens on port 9; the name and the password are to be seen nowhere.
const deadIndex = "http://user:secret@127.0.0.1:9/simple";

test.each([
  ["pip", false],
  ["uv", true],
])("an index that %s cannot reach is one sentence with its address", async (_, hasUv) => {
  const path = hasUv ? `${workspaceUv}:${machinePath}` : machinePath;
  for (const [name, value] of Object.entries({
    PATH: path,
    PIP_INDEX_URL: deadIndex,
    UV_INDEX_URL: deadIndex,
    UV_DEFAULT_INDEX: deadIndex,
    PIP_FIND_LINKS: "",
    PIP_CONFIG_FILE: "/dev/null",
    UV_CACHE_DIR: join(room, "uv-cache"),
  })) {
    vi.stubEnv(name, value);
  }
  const nothing = `ormsgpack==1.13.0 --hash=sha256:${"0".repeat(64)}\n`;
  writeFileSync(join(shipped, "requirements-core.lock"), nothing);
  const { reason, message, stderr } = await failureOf(setUp(options()));
  expect(reason).toBe("adapter-open");
  expect(message).toBe(
    "cannot reach the Python package index http://127.0.0.1:9/simple; check the network, the proxy or PIP_INDEX_URL",
  );
  expect(stderr).not.toBe("");
  expect(stderr).not.toContain("secret");
  expect(steps.map(({ step }) => step)).not.toContain("ready");
});

test("without uv on PATH the pinned one is fetched, once", async () => {
  vi.stubEnv("PATH", machinePath);
  await ensureEnvironment(options());
  await ensureEnvironment(options({ extras: ["grpc"] }));
  expect(steps.filter(({ step }) => step === "uv")).toHaveLength(1);
});

test("without uv, and without pip to fetch it, venv and pip make the environment", async () => {
  const { stdout } = await run("python3", ["-c", "import sys; print(sys.executable)"]);
  // Answers all questions as the real one does, except that it says it has no pip.
  const path = program(
    "python3",
    `case "$2" in *find_spec*) "${stdout.trim()}" "$@" | sed '3s/True/False/;2s,.*,${join(room, "bin/python3")},';; *) exec "${stdout.trim()}" "$@";; esac`,
  );
  vi.stubEnv("PATH", `${path}:/usr/bin:/bin`);
  const made = await ensureEnvironment(options());
  expect(made.versions).toMatchObject({ "snakepit-bridge": "1.2.3" });
  expect(readdirSync(join(room, "cache/snakepit-bridge"))).toHaveLength(1);
});

test("without uv, pip and venv the message names python3-venv", async () => {
  const path = program(
    "python3",
    `printf '3.12.1\\n${join(room, "bin/python3")}\\nFalse\\nFalse\\nFalse\\n'`,
  );
  vi.stubEnv("PATH", path);
  const { reason, message } = await failureOf(ensureEnvironment(options()));
  expect(reason).toBe("adapter-open");
  expect(message).toContain("python3-venv");
});

test("a missing Python is `not-found`, in one sentence", async () => {
  vi.stubEnv("PATH", "/nowhere");
  const { reason, message } = await failureOf(ensureEnvironment(options()));
  expect(reason).toBe("not-found");
  expect(message).toMatch(/Python 3\.11 or newer is needed, and there is no python3 on PATH/);
  expect(message).not.toContain("\n");
});

test("without an environment, a missing Python is told together with the command", async () => {
  vi.stubEnv("PATH", "/nowhere");
  const asked = ensureEnvironment(options({ autoSetup: false, extras: ["dspy"] }));
  const { reason, message } = await failureOf(asked);
  expect(reason).toBe("not-found");
  expect(message).toMatch(
    /^Python 3.+ no python3 on PATH; install it .+; then .+`npx snakepit-bridge setup --extra dspy`/,
  );
});

test("a Python newer than DSPy's dependencies is passed over, and refused when alone", async () => {
  const { stdout } = await run("python3", ["-c", "import sys; print(sys.executable)"]);
  // Says that it is 3.14, and does all else as the real one.
  const path = program(
    "python3",
    `case "$2" in *find_spec*) "${stdout.trim()}" "$@" | sed '1s/.*/3.14.0/';; *) exec "${stdout.trim()}" "$@";; esac`,
  );
  // Of the machine's programs just the one that the script needs: the others hold more Pythons.
  symlinkSync("/bin/sed", join(path, "sed"));
  vi.stubEnv("PATH", `${path}:${workspaceUv}`);
  const { reason, message } = await failureOf(setUp(options({ extras: ["dspy"] })));
  expect(reason).toBe("not-found");
  expect(message).toBe(
    "Python 3.14 is newer than what DSPy's dependencies support; install 3.11, 3.12 or 3.13, or name one with `npx snakepit-bridge setup --extra dspy --python PATH`",
  );
  await setUp(options());
  expect(steps[0]?.message).toContain("Python 3.14.0");

  steps = [];
  program("python3.12", `exec "${stdout.trim()}" "$@"`);
  await setUp(options({ extras: ["dspy"] }));
  expect(steps[0]?.message).not.toContain("3.14");
});

test("a Python that is too old is refused with both versions", async () => {
  vi.stubEnv("PATH", program("python3", "printf '3.9.2\\n/usr/bin/python3\\n'"));
  const { reason, message } = await failureOf(ensureEnvironment(options()));
  expect(reason).toBe("not-found");
  expect(message).toMatch(/Python 3\.11 or newer is needed, but "python3" is Python 3\.9\.2/);
});

test("a newer Python beside one that is too old is found", async () => {
  const { stdout } = await run("python3", ["-c", "import sys; print(sys.executable)"]);
  program("python3.12", `exec "${stdout.trim()}" "$@"`);
  const path = program("python3", "printf '3.9.2\\n/usr/bin/python3\\n'");
  vi.stubEnv("PATH", `${path}:${process.env["PATH"]}`);
  expect((await ensureEnvironment(options())).versions["python"]).toBeDefined();
});

test("a failed installation leaves nothing behind and shows why", async () => {
  writeFileSync(join(shipped, "requirements-core.lock"), "no-such-package==1.0 --hash=sha256:00\n");
  const { reason, message } = await failureOf(ensureEnvironment(options()));
  expect(reason).toBe("adapter-open");
  expect(message).toMatch(
    /failed while making the Python environment; check that .* can be reached/,
  );
  const left = readdirSync(join(room, "cache/snakepit-bridge"));
  expect(left.filter((name) => !name.startsWith("uv-"))).toEqual([]);
});

test("an abort ends the making, and leaves nothing behind", async () => {
  const abort = new AbortController();
  const onProgress = ({ step }: SetupProgress) => {
    if (step === "install") abort.abort(new Error("changed my mind"));
  };
  const made = ensureEnvironment(options({ signal: abort.signal, onProgress }));
  await expect(made).rejects.toThrow("changed my mind");
  const left = readdirSync(join(room, "cache/snakepit-bridge"));
  expect(left.filter((name) => !name.startsWith("uv-"))).toEqual([]);
});

test("without the wheel beside the code the error speaks of bundlers", async () => {
  const { message } = await failureOf(ensureEnvironment(options({ shipped: join(room, "none") })));
  expect(message).toMatch(/bundler must leave "snakepit-grpc-bridge" external/);
});

test("a Python named by option or by SNAKEPIT_PYTHON is used as it is", async () => {
  const { executable } = await ensureEnvironment(options());
  vi.stubEnv("SNAKEPIT_PYTHON", executable);
  expect(await resolvePython()).toEqual({ executable, source: "SNAKEPIT_PYTHON" });
  expect(await resolvePython({ executable })).toEqual({ executable, source: "executable" });
  const { reason, message } = await failureOf(resolvePython({ executable: "/nowhere/python" }));
  expect(reason).toBe("not-found");
  expect(message).toBe(
    '`executable` names "/nowhere/python", which is not a Python that runs: there is no such program; name another one, or leave `executable` out and run `npx snakepit-bridge setup`',
  );
});

test("a SNAKEPIT_PYTHON that is none is named as such, and a folder as a folder", async () => {
  vi.stubEnv("SNAKEPIT_PYTHON", "/nowhere/python");
  const absent = await failureOf(resolvePython({ extras: ["dspy"] }));
  expect(absent.message).toMatch(
    /^SNAKEPIT_PYTHON names "\/nowhere\/python", .+ no such program; .+ unset SNAKEPIT_PYTHON and run `npx snakepit-bridge setup --extra dspy`$/,
  );
  vi.stubEnv("SNAKEPIT_PYTHON", room);
  expect((await failureOf(resolvePython())).message).toContain("it is a folder");
  const named = await failureOf(setUp(options({ python: "/nowhere/python" })));
  expect(named.message).toContain('--python names "/nowhere/python"');
});

test("a named Python without the worker side is refused with the way to install it", async () => {
  const bare = join(room, "bare");
  await run("python3", ["-m", "venv", "--without-pip", bare]);
  const { reason, message } = await failureOf(resolvePython({ executable: `${bare}/bin/python` }));
  expect(reason).toBe("adapter-open");
  expect(message).toMatch(/snakepit_bridge is not installed; install the wheel/);
  vi.stubEnv("SNAKEPIT_PYTHON", `${bare}/bin/python`);
  const { message: other } = await failureOf(resolvePython({ extras: ["dspy"] }));
  expect(other).toMatch(
    /or unset SNAKEPIT_PYTHON and run `npx snakepit-bridge setup --extra dspy`$/,
  );
});

test("a program that sets up extras of its own advises its own command", () => {
  const command = setupCommandLine(["dspy", "grpc"]);
  const error = setupError("not-found", `first \`${command}\`, then \`${command} --force\``);
  expect(inWordsOf("npx dspex", ["dspy"], error)).toBe(
    "first `npx dspex setup --extra grpc`, then `npx dspex setup --extra grpc --force`",
  );
});

test("the command line explains itself and names unknown commands", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
  try {
    expect(await runSetup({ extras: [], args: ["--help"] })).toBe(0);
    expect(log.mock.lastCall?.[0]).toContain("npx snakepit-bridge setup [--extra NAME]");
    const dspex = { extras: ["dspy"], program: "npx dspex" };
    expect(await runSetup({ ...dspex, args: ["instal"] })).toBe(1);
    expect(error.mock.lastCall?.[0]).toMatch(/no command "instal"[\s\S]*npx dspex setup/);
    expect(await runSetup({ extras: [], args: ["setup", "--quick"] })).toBe(1);
    expect(error.mock.lastCall?.[0]).toContain("--quick");
    expect(await runSetup({ extras: [], args: ["setup", "--extras", "grpc"] })).toBe(1);
    expect(error.mock.lastCall?.[0]).toMatch(/no option --extras; did you mean --extra\?/);
    expect(await runSetup({ extras: [], args: ["--version"] })).toBe(0);
    expect(log.mock.lastCall?.[0]).toMatch(/^\d+\.\d+\.\d+/);
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
});
