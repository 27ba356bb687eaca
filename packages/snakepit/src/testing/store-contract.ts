import type { ContractCase } from "./adapter-contract.ts";
import * as expiring from "./store-contract/expiring.ts";
import {
  resolveStoreContract,
  type StoreContract,
  type StoreContractOptions,
} from "./store-contract/options.ts";
import * as records from "./store-contract/records.ts";
import * as refusing from "./store-contract/refusing.ts";
import * as sessions from "./store-contract/sessions.ts";
import * as sharing from "./store-contract/sharing.ts";
import * as values from "./store-contract/values.ts";
import * as watching from "./store-contract/watching.ts";

type Check = (options: StoreContract) => Promise<void>;

const always: Readonly<Record<string, Check>> = {
  "a session is made once and found afterwards": sessions.openAndFind,
  "a session may live for ever": sessions.endless,
  "the data of a session comes back as it was, up to 256 KiB": sessions.dataIsExact,
  "an update of a session replaces only the version that it expects": sessions.updates,
  "nobody writes into a later session of the same id": sessions.epochs,
  "sessions are listed by id, in pages": sessions.listing,
  "a session too many is refused": sessions.quota,

  "each write of a record gives it its next version": records.versions,
  "a write that expects another version is refused": records.compareAndSet,
  "no version ever means two things": records.tombstones,
  "a write is done as a whole or not at all": records.batches,
  "records are listed by name, each in its session and namespace": records.lists,
  "a record too many is refused": records.quota,

  "text and bytes come back exactly as they were": values.exact,
  "bytes are nobody else's": values.ofTheirOwn,
  "a value too large is refused before anything is written": values.limited,
  "half of a surrogate pair is refused": values.tornText,

  "a session ends so long after its last use, with all its records": expiring.sessionsEnd,
  "every use keeps a session alive": expiring.useKeepsThemAlive,
  "reading a record is no use of its session": expiring.readingIsNoUse,
  "a record with an end of its own is not read after it": expiring.recordsEnd,
  "a write without an end takes an earlier end away": expiring.aWriteWithoutAnEndLasts,
  "a sweep names each session that has ended once": expiring.sweeping,

  "who watches hears of each change": watching.ownChanges,
  "who watches hears of nothing else": watching.scopesApart,
  "who watches hears of records that go with their session": watching.deletedSession,

  "of many who count at once none loses a step": sharing.counters,
  "ids and names outside the rules are refused everywhere": refusing.badNames,
  "arguments of no use are refused": refusing.badArguments,
  "a closed store answers nothing more": refusing.afterTheEnd,
};

const whenShared: Readonly<Record<string, Check>> = {
  "two stores on one space see the same": sharing.oneTruth,
  "of two stores that count at once none loses a step": sharing.sharedCounters,
  "who watches hears of the changes of another store": watching.changesOfOthers,
  "of two stores that sweep, each session is named to one": sharing.sweptOnce,
};

const whenLarge: Readonly<Record<string, Check>> = {
  "64 MiB are kept, and a byte more is refused": values.large,
};

/**
 * What every store owes to sessions and the layers above, as cases for any test runner:
 *
 *     for (const { name, run } of storeContract({ … })) test(name, run, 60_000);
 *
 * @throws SnakepitError INVALID_OPTIONS
 */
export function storeContract(input: StoreContractOptions): readonly ContractCase[] {
  const options = resolveStoreContract(input);
  const promises = {
    ...always,
    ...(options.isShared ? whenShared : {}),
    ...(options.largeValues ? whenLarge : {}),
  };
  return Object.entries(promises).map(([name, check]) => ({ name, run: () => check(options) }));
}
