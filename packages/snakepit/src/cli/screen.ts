/** Where the cursor cannot be seen and nothing scrolls away that was there before. */
const enter = "\x1b[?1049h\x1b[?25l";
const leave = "\x1b[?25h\x1b[?1049l";
const home = "\x1b[H";
const restOfLine = "\x1b[K";
const restOfScreen = "\x1b[J";
const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ScreenOptions {
  /** A key was pressed; Ctrl-C is none. */
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

/**
 * The terminal, taken for as long as it lasts and given back as it was: by `Symbol.dispose`, at the
 * end of the program, and before a signal ends it.
 */
export class Screen implements Disposable {
  readonly #input = process.stdin;
  readonly #output = process.stdout;
  readonly #options: ScreenOptions;
  #isTaken = true;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#output.write(enter);
    if (this.#input.isTTY) {
      this.#input.setRawMode(true);
      this.#input.on("data", this.#hear);
    }
    this.#output.on("resize", options.onResize);
    process.on("exit", this.#restore);
    for (const signal of endSignals) process.on(signal, this.#onSignal);
  }

  /** From the top; what does not fit is left out. The first line may stand out. */
  show(lines: readonly string[], emphasize: (line: string) => string): void {
    // Some terminals, as of containers, know no size and say 0.
    const columns = this.#output.columns || 80;
    const rows = this.#output.rows || 24;
    const fitting = lines.slice(0, rows).map((line) => line.slice(0, columns));
    const shown = fitting.map((line, index) => (index === 0 ? emphasize(line) : line) + restOfLine);
    this.#output.write(home + shown.join("\r\n") + restOfScreen);
  }

  [Symbol.dispose](): void {
    this.#restore();
    this.#input.off("data", this.#hear);
    this.#input.pause();
    this.#output.off("resize", this.#options.onResize);
    process.off("exit", this.#restore);
    for (const signal of endSignals) process.off(signal, this.#onSignal);
  }

  readonly #restore = (): void => {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#output.write(leave);
  };

  /** The signal has its way afterwards: a shell sees that it was one. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this[Symbol.dispose]();
    process.kill(process.pid, signal);
  };

  readonly #hear = (bytes: Buffer): void => {
    for (const key of bytes.toString("latin1")) {
      // In raw mode the terminal makes no signal of it.
      if (key === "\x03") return this.#onSignal("SIGINT");
      this.#options.onKey(key);
    }
  };
}
