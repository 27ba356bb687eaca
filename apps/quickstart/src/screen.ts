import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";

/** Where the program writes for people: colour and movement on a terminal, plain lines elsewhere. */
export interface Screen {
  readonly interactive: boolean;
  line(text?: string): void;
  /** Text that arrives in pieces, shown piece by piece, broken at spaces to fit the screen. */
  typing(label: string): Typing;
  heading(text: string): void;
  bold(text: string): string;
  dim(text: string): string;
  /** A green tick or a red cross. */
  mark(right: boolean): string;
  /** Text broken at spaces so that it fits the screen, each line indented. */
  paragraph(text: string): void;
  table(head: readonly string[], rows: readonly (readonly string[])[], columns?: Columns): void;
  progress(what: string, total: number): Progress;
}

/** Widths share what the screen has, in these proportions; without them cells decide. */
interface Columns {
  readonly shares?: readonly number[];
  readonly align?: readonly ("left" | "right" | "center")[];
}

export interface Typing {
  write(piece: string): void;
  end(): void;
}

interface Progress {
  advance(): void;
  stop(): void;
}

/** Lines longer than this are tiring to read, however wide the window is. */
const widest = 100;

export function createScreen(stream: NodeJS.WriteStream): Screen {
  const interactive = stream.isTTY === true;
  const width = Math.min(stream.columns || widest, widest);
  // styleText leaves the colour out when the stream is no terminal or NO_COLOR is set.
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    styleText(format, text, { stream });
  const line = (text = "") => void stream.write(`${text}\n`);

  return {
    interactive,
    line,
    typing: (label) => {
      stream.write(`  ${style("dim", `${label}:`)}`);
      return typing((text) => void stream.write(text), width, label.length + 3);
    },
    heading: (text) => line(`\n${style(["bold", "cyan"], text)}`),
    bold: (text) => style("bold", text),
    dim: (text) => style("dim", text),
    mark: (right) => (right ? style("green", "✓") : style("red", "✗")),
    paragraph: (text) => {
      for (const part of wrap(text, width - 2)) line(`  ${part}`);
    },
    table: (head, rows, columns = {}) => {
      const { shares, align } = columns;
      const table = new Table({
        head: head.map((cell) => style("bold", cell)),
        style: { head: [], border: [] },
        wordWrap: true,
        chars: noRules,
        ...(shares ? { colWidths: columnWidths(shares, width) } : {}),
        ...(align ? { colAligns: [...align] } : {}),
      });
      table.push(...rows.map((row) => [...row]));
      line(table.toString());
    },
    progress: (what, total) =>
      interactive ? bar(stream, what, total) : countingLines(line, what, total),
  };
}

/** Lines between the rows would be most of the ink. */
const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

function bar(stream: NodeJS.WriteStream, what: string, total: number): Progress {
  const progress = new SingleBar(
    {
      stream,
      format: `  {bar} {value}/{total} ${what}  {duration_formatted}`,
      hideCursor: true,
      gracefulExit: false, // main.ts handles Ctrl-C, and stops this bar on the way
    },
    Presets.shades_classic,
  );
  progress.start(total, 0);
  return {
    advance: () => progress.increment(),
    stop: () => progress.stop(),
  };
}

function countingLines(line: (text: string) => void, what: string, total: number): Progress {
  let done = 0;
  return {
    advance: () => {
      done += 1;
      if (done % 10 === 0 || done === total) line(`  ${done} of ${total} ${what}`);
    },
    stop: () => undefined,
  };
}

function typing(write: (text: string) => void, width: number, startColumn: number): Typing {
  let column = startColumn;
  let word = ""; // not shown before it is whole, because only then is it known to fit
  const show = () => {
    if (!word) return;
    const fits = column + 1 + word.length <= width;
    write(fits ? ` ${word}` : `\n    ${word}`);
    column = (fits ? column + 1 : 4) + word.length;
    word = "";
  };
  return {
    write: (piece) => {
      const [first = "", ...others] = piece.split(/\s+/);
      word += first;
      for (const other of others) {
        show();
        word = other;
      }
    },
    end: () => {
      show();
      write("\n");
    },
  };
}

function columnWidths(shares: readonly number[], width: number): number[] {
  const sum = shares.reduce((total, share) => total + share, 0);
  const borders = shares.length + 1;
  return shares.map((share) => Math.max(5, Math.floor(((width - borders) * share) / sum)));
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
