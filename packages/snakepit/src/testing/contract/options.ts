import type { Adapter } from "../../adapter.ts";
import { checkKinds, checkKnownKeys, type Kind, text, withDefaults } from "../../check-options.ts";
import { SnakepitError } from "../../errors.ts";
import type { Launcher } from "../../launcher.ts";

/** A call that the suite is to make. */
export interface ContractCall {
  readonly command: string;
  /** Default: none. */
  readonly args?: unknown;
}

/** A part of the contract that an adapter does not offer. Nothing is skipped unless it says so. */
export type Absent = "absent";

export interface AdapterContractOptions {
  /** Makes the adapter under test, anew for each case. */
  readonly adapter: () => Adapter;
  /** Default: the adapter's own, else local processes. */
  readonly launcher?: () => Launcher;
  /** The command that answers with its arguments. */
  readonly echo: string;
  /**
   * What `echo` can carry; several, so that answers can be told apart. Default: some small numbers
   * and a few other values that JSON has.
   */
  readonly values?: readonly unknown[];
  /** A call that runs for at least a minute, and what becomes of it when its caller has gone. */
  readonly slow: (ContractCall & { readonly onCancel: "stops" | "runs-on" }) | Absent;
  /** A call whose handler fails, with the type and the message that must arrive. */
  readonly fail: (ContractCall & { readonly type: string; readonly message: string }) | Absent;
  /**
   * A call whose answer is this stream. A worker whose adapter streams, but which has no command
   * for it, names any: its answer is the only chunk.
   */
  readonly stream: (ContractCall & { readonly chunks: readonly unknown[] }) | Absent;
  /** A stream that goes on for at least a minute unless it is cancelled. */
  readonly endlessStream: ContractCall | Absent;
  /** A call during which the worker's process ends, without an answer. */
  readonly crash: ContractCall | Absent;
  /** A call whose answer, or what `pick` takes from it, is the id of the call's session. */
  readonly session: (ContractCall & { readonly pick?: (reply: unknown) => unknown }) | Absent;
  /** `absent`: starting a worker runs no program by the name that `spec()` gives. */
  readonly missingProgram?: Absent;
  /** How long a worker may take to start, and anything else to happen. Default: 20,000. */
  readonly timeoutMs?: number;
}

export type ContractOptions = AdapterContractOptions &
  Required<Pick<AdapterContractOptions, "values" | "timeoutMs">>;

const defaultValues: readonly unknown[] = [
  ...Array.from({ length: 50 }, (_, n) => ({ n })),
  {},
  { text: 'ü, 漢字, 😀, "quotes"\n\\ and a line', empty: "" },
  { numbers: [0, -1, 2.5, 0.1, 123_456_789_012, -1.5e300], flags: [true, false, null] },
  { nested: { list: [[], {}, [{ a: [{ b: 1 }] }]] } },
  { long: "x".repeat(200_000) },
];

const part: Kind = {
  expected: 'an object with a command, or "absent"',
  is: (value) =>
    value === "absent" || text.is((value as { command?: unknown } | null | undefined)?.command),
};
const factory: Kind = {
  expected: "a function that makes one",
  is: (value) => typeof value === "function",
};
const list: Kind = { expected: "an array", is: Array.isArray };
const absent: Kind = { expected: '"absent" or left out', is: (value) => value === "absent" };
const duration: Kind = { expected: "a positive number", is: (value) => Number(value) > 0 };

const required: Record<string, Kind> = {
  adapter: factory,
  echo: text,
  slow: part,
  fail: part,
  stream: part,
  endlessStream: part,
  crash: part,
  session: part,
};
const optional: Record<string, Kind> = {
  launcher: factory,
  values: list,
  missingProgram: absent,
  timeoutMs: duration,
};

/** @throws SnakepitError INVALID_OPTIONS; a part that is neither offered nor absent is a problem */
export function resolveContractOptions(input: AdapterContractOptions): ContractOptions {
  const problems = [
    ...checkKnownKeys("adapterContract", input, Object.keys({ ...required, ...optional })),
    ...checkKinds(input, required, Object.keys(required)),
    ...checkKinds(input, optional),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return { ...input, ...withDefaults({ values: defaultValues, timeoutMs: 20_000 }, input) };
}
