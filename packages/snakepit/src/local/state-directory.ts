import { statSync } from "node:fs";
import { lstat, mkdir } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Where this user's runs are written down, in the order in which the places are tried: the given
 * one alone, else `$XDG_STATE_HOME/snakepit` or `~/.local/state/snakepit`, else a folder of this
 * user in the directory for temporary files.
 */
export function stateDirectories(given?: string): readonly string[] {
  if (given !== undefined) return [resolve(given)];
  const home = stateHome();
  const temporary = join(tmpdir(), `snakepit-${process.getuid?.() ?? 0}`);
  return [...(home === undefined ? [] : [join(home, "snakepit")]), temporary];
}

/**
 * Makes the folder where there is none.
 * @throws why it cannot be used: nobody else may be able to write there, because what stands there
 * is believed when the next host looks for orphans
 */
export async function makePrivate(directory: string): Promise<void> {
  // The janitor is told of files in it by the line.
  if (directory.includes("\n")) throw new Error("its path has a line break");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await checkPrivate(directory);
}

/** @throws why it is not this user's alone */
export async function checkPrivate(directory: string): Promise<void> {
  const found = await lstat(directory);
  if (!found.isDirectory()) throw new Error("it is no directory");
  if (found.uid !== process.getuid?.()) throw new Error(`it belongs to user ${found.uid}`);
  const mode = found.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new Error(`it is open to others (mode ${mode.toString(8)}); try chmod 700`);
  }
}

function stateHome(): string | undefined {
  const { XDG_STATE_HOME = "" } = process.env;
  // The specification asks to ignore a relative one.
  if (isAbsolute(XDG_STATE_HOME)) return XDG_STATE_HOME;
  try {
    const home = homedir();
    // Under `sudo` it may be somebody else's, who would then find folders of root in it.
    return statSync(home).uid === process.getuid?.() ? join(home, ".local", "state") : undefined;
  } catch {
    return undefined; // a user without a home, as containers have them
  }
}
