import * as calling from "./contract/calling.ts";
import * as cancelling from "./contract/cancelling.ts";
import * as ending from "./contract/ending.ts";
import { type AdapterContractOptions, resolveContractOptions } from "./contract/options.ts";
import * as starting from "./contract/starting.ts";
import * as streaming from "./contract/streaming.ts";

/** One promise that an adapter makes. */
export interface ContractCase {
  readonly name: string;
  /** Rejects with an AssertionError that says what was broken. Leaves nothing running. */
  run(): Promise<void>;
}

/**
 * What every adapter owes to pools and their callers, as cases for any test runner:
 *
 *     for (const { name, run } of adapterContract({ … })) test(name, run, 60_000);
 *
 * Each case starts workers of its own. A part that an adapter does not offer is declared absent;
 * its cases are then left out, and where that can be checked, its absence is a case itself.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function adapterContract(input: AdapterContractOptions): readonly ContractCase[] {
  const options = resolveContractOptions(input);
  const { slow, fail, stream, endlessStream, crash, session, missingProgram } = options;
  const cases: ContractCase[] = [];
  const add = (name: string, run: () => Promise<void>) => cases.push({ name, run });

  add("a worker becomes ready in time and says what it can do", () =>
    starting.capabilities(options),
  );
  add("a start that nobody waits for any more ends and leaves no process", () =>
    starting.givenUp(options),
  );
  if (missingProgram !== "absent") {
    add("a start without its program fails, with WORKER_START_FAILED", () =>
      starting.missingProgram(options),
    );
  }

  add(`each of ${options.values.length} values comes back as it was sent`, () =>
    calling.roundTrips(options),
  );
  add("of many calls at once each gets its own answer", () => calling.manyAtOnce(options));
  add("an unknown command is refused, and the worker goes on", () =>
    calling.unknownCommand(options),
  );
  add("a ping is answered, also by a busy worker that has promised it", () =>
    calling.ping(options),
  );
  if (fail !== "absent") {
    add("the error of a handler arrives with its type and message, and the worker goes on", () =>
      calling.handlerError(options, fail),
    );
  }
  if (session !== "absent") {
    add("the worker hears of the session", () => calling.sessionId(options, session));
  }

  if (slow !== "absent") {
    const after = slow.onCancel === "stops" ? "the worker goes on" : "the worker is replaced";
    if (slow.onCancel === "stops") {
      add("a cancelled call is confirmed", () => cancelling.confirmed(options, slow));
    }
    add(`an aborted call is answered with its reason, and ${after}`, () =>
      cancelling.abort(options, slow),
    );
    add(`a call past its deadline is answered, and ${after}`, () =>
      cancelling.deadline(options, slow),
    );
  }

  if (stream === "absent") {
    add("a stream is refused by workers that cannot stream", () => streaming.noStreams(options));
  } else {
    add("the chunks of streams arrive in order, none twice", () =>
      streaming.chunksInOrder(options, stream),
    );
  }
  if (endlessStream !== "absent") {
    add("leaving a stream ends its producer, and the worker goes on", () =>
      cancelling.leftStream(options, endlessStream),
    );
    add("an aborted stream wakes its reader, and the worker goes on", () =>
      cancelling.abortedStream(options, endlessStream),
    );
  }

  if (crash !== "absent") {
    add("a worker that dies of a call is replaced, and that call's outcome is unknown", () =>
      ending.crash(options, crash),
    );
  }
  if (slow !== "absent") {
    add("a worker that is killed in a call is replaced, and that call's outcome is unknown", () =>
      ending.killed(options, slow),
    );
  }
  add("calls that meet a dead worker are answered by another, or fail as lost", () =>
    ending.callsAfterDeath(options),
  );
  add("a worker that is asked to end does so by itself", () => ending.cleanEnd(options));
  add("a closed pool has left no process, also of busy workers", () =>
    ending.nothingLeft(options, slow === "absent" ? undefined : slow),
  );
  return cases;
}
