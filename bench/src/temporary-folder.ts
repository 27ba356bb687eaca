import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryFolder extends Disposable {
  file(name: string): string;
}

const folders = new Set<string>();
// Whoever fails between making one and being ready, or is not waited for, has not disposed of it.
process.on("exit", () => {
  for (const folder of folders) remove(folder);
});

/** A folder that goes when it is disposed of, at the latest with this process. */
export function temporaryFolder(): TemporaryFolder {
  const folder = mkdtempSync(join(tmpdir(), "snakepit-bench-"));
  folders.add(folder);
  return {
    file: (name) => join(folder, name),
    [Symbol.dispose]() {
      folders.delete(folder);
      remove(folder);
    },
  };
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
