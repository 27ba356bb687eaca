import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { interpreter, pythonFolder } from "../python-process.ts";

/** What we use of `pythonia`, which has no types. */
interface Pythonia {
  python: {
    (file: string): Promise<{ add(a: number, b: number): Promise<number> }>;
    exit(): void;
  };
}

/** `pythonia` (JSPyBridge): proxies of Python objects, a round trip for each use of one. */
export async function openPythonia(): Promise<Contestant> {
  process.env["PYTHON_BIN"] = interpreter(); // it is read when the package is loaded
  const packageName: string = "pythonia";
  const { python } = (await import(packageName)) as Pythonia;
  const module = await python(join(pythonFolder, "pythonia_module.py"));
  return {
    name: "pythonia",
    add: (a, b) => module.add(a, b),
    [Symbol.asyncDispose]: async () => python.exit(),
  };
}
