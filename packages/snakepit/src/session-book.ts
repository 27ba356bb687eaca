import { randomUUID } from "node:crypto";
import { checkIntegers, checkKinds, checkKnownKeys, oneOf, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { PoolSession, type SessionOptions, type SessionOwner } from "./session.ts";

const defaults: Required<SessionOptions> = { affinity: "prefer", ttlMs: 3_600_000 };
export const affinityKind = oneOf("prefer", "require", "none");
const validId = /^[A-Za-z0-9._:-]{1,200}$/;

/** The sessions of a pool that have not ended. */
export class SessionBook {
  readonly #owner: SessionOwner;
  readonly #sessions = new Map<string, PoolSession>();

  constructor(owner: SessionOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of that name, made when there is none; without a name always a new one. */
  open(id: string | undefined, options: SessionOptions): PoolSession {
    check(id, options);
    const known = id === undefined ? undefined : this.#sessions.get(id);
    if (known !== undefined) return this.#again(known, options);
    const identity = { id: id ?? `session-${randomUUID()}`, isNamed: id !== undefined };
    const session = new PoolSession(this.#owner, identity, { ...defaults, ...given(options) });
    this.#sessions.set(session.id, session);
    session.held();
    return session;
  }

  forget(session: PoolSession): void {
    this.#sessions.delete(session.id);
  }

  /** Ends sessions that nobody has used for their `ttlMs`; a call under way is a use. */
  expire(nowMs: number): void {
    for (const session of this.#sessions.values()) {
      if (session.lastUsedMs + session.ttlMs > nowMs) continue;
      if (this.#owner.isUsed(session)) session.lastUsedMs = nowMs;
      else void session.delete();
    }
  }

  #again(session: PoolSession, options: SessionOptions): PoolSession {
    for (const [name, value] of Object.entries(given(options))) {
      const present = session[name as keyof SessionOptions];
      if (value === present) continue;
      throw invalid(
        `session ${show(session.id)} is open with ${name} ${show(present)}, not ${show(value)}; delete it first or use another id`,
      );
    }
    session.lastUsedMs = this.#owner.nowMs();
    session.held();
    return session;
  }
}

function given(options: SessionOptions): Partial<Required<SessionOptions>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function check(id: unknown, options: SessionOptions): void {
  const problems = checkKnownKeys("session", options, Object.keys(defaults));
  if (id !== undefined && !(typeof id === "string" && validId.test(id))) {
    problems.push(
      `a session id is 1 to 200 of the characters A-Z a-z 0-9 . _ : -, not ${show(id)}`,
    );
  }
  if (problems.length === 0) {
    problems.push(...checkKinds(options, { affinity: affinityKind }));
    if (options.ttlMs !== undefined) problems.push(...checkIntegers(options, { ttlMs: 1 }));
  }
  if (problems.length > 0) throw invalid(problems.join("; "));
}

function invalid(text: string): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError("INVALID_ARGUMENT", text, { outcome: "not-started" });
}
