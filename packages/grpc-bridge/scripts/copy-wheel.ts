/** Puts the Python half into this package: the wheel, the locks and the pinned uv, as `python/`. */
import { copyFileSync, globSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "../../..");
const target = join(import.meta.dirname, "../python");

const wheels = globSync(join(root, "python/dist/*.whl"));
const locks = globSync(join(root, "python/requirements-*.lock"));
if (wheels.length !== 1 || locks.length === 0) {
  throw new Error(
    `expected one wheel and some locks in ${root}/python, found ${wheels.length} and ${locks.length}`,
  );
}
rmSync(target, { recursive: true, force: true });
mkdirSync(target);
for (const file of [...wheels, ...locks]) copyFileSync(file, join(target, basename(file)));
copyFileSync(join(root, "tools/uv/requirements.txt"), join(target, "requirements-uv.lock"));
