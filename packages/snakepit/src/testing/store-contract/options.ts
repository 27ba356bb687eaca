import { callback, checkKinds, checkKnownKeys, truth, withDefaults } from "../../check-options.ts";
import { SnakepitError } from "../../errors.ts";
import type { Awaitable, Store, StoreLimits } from "../../store/store.ts";

export interface StoreContractOptions {
  /**
   * Opens a store with these limits, and the defaults for the others. Each case has a `space` of
   * its own (a file, a prefix: letters, digits and `-`), which is empty at first. The suite closes
   * every store that it has opened; what a space leaves behind is yours to remove.
   */
  readonly open: (space: string, limits: Partial<StoreLimits>) => Awaitable<Store>;
  /** Stores that are open in one space at once see the same sessions and records. */
  readonly isShared: boolean;
  /** Also with values of 64 MiB. Default: true. */
  readonly largeValues?: boolean;
  /** How long anything may take. Default: 20,000. */
  readonly timeoutMs?: number;
}

export type StoreContract = Required<StoreContractOptions>;

/** @throws SnakepitError INVALID_OPTIONS */
export function resolveStoreContract(input: StoreContractOptions): StoreContract {
  const kinds = {
    open: callback,
    isShared: truth,
    largeValues: truth,
    timeoutMs: { expected: "a positive number", is: (value: unknown) => Number(value) > 0 },
  };
  const problems = [
    ...checkKnownKeys("storeContract", input, Object.keys(kinds)),
    ...checkKinds(input, kinds, ["open", "isShared"]),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  const defaults: Pick<StoreContract, "largeValues" | "timeoutMs"> = {
    largeValues: true,
    timeoutMs: 20_000,
  };
  return { ...input, ...withDefaults(defaults, input) };
}
