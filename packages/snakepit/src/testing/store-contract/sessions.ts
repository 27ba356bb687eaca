import assert from "node:assert/strict";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { hour, later, names, read, refuses, set, withStore } from "./with-store.ts";

export function openAndFind(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const first = await store.openSession("ada", { ttlMs: 60_000, data: "first" });
    assert.ok(first.isNew, "a session that did not exist is new");
    assert.equal(first.sessions, 1, "sessions that live now");
    const { id, ttlMs, version, data, createdAtMs, lastUsedAtMs, epoch } = first.session;
    const expected = { id: "ada", ttlMs: 60_000, version: 1, data: "first" };
    assertSame({ id, ttlMs, version, data }, expected, "a new session");
    assert.ok(Math.abs(createdAtMs - Date.now()) < 60_000, "createdAtMs counts from 1970");
    assert.equal(lastUsedAtMs, createdAtMs, "a new session was used when it was made");
    assert.ok(epoch.length > 0, "a session has an epoch");

    const again = await store.openSession("ada", { ttlMs: 5, data: "second" });
    assert.equal(again.isNew, false, "a session that lives is found");
    const { ttlMs: sameTtl, data: sameData, epoch: sameEpoch } = again.session;
    const same = { ttlMs: 60_000, data: "first", epoch };
    assertSame({ ttlMs: sameTtl, data: sameData, epoch: sameEpoch }, same, "the session found");
    assertSame((await store.getSession("ada"))?.epoch, epoch, "getSession");
    assert.equal(await store.getSession("bob"), undefined, "a session that does not exist");
  });
}

export function endless(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const endlessly = { ttlMs: Number.POSITIVE_INFINITY, data: "" };
    const { session } = await store.openSession("ada", endlessly);
    assert.equal(session.ttlMs, Number.POSITIVE_INFINITY, "an endless session when it is made");
    const found = await store.getSession("ada");
    assert.equal(found?.ttlMs, Number.POSITIVE_INFINITY, "an endless session when it is found");
    await store.openSession("long", { ttlMs: Number.MAX_SAFE_INTEGER, data: "" });
    assert.equal((await store.getSession("long"))?.ttlMs, Number.MAX_SAFE_INTEGER, "a long one");
    assert.ok(await store.touchSession("ada", session.epoch), "an endless session lives");
    await store.write("ada", [set("a", "1")]);
    assert.equal(await store.countSessions(), 2, "sessions that live");
  });
}

export function dataIsExact(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const texts = ["", "\0", 'ü, 漢字, 😀, "quotes"\n', "x".repeat(256 * 1024)];
    for (const [n, data] of texts.entries()) {
      await store.openSession(`s${n}`, { ttlMs: 60_000, data });
      assert.equal((await store.getSession(`s${n}`))?.data, data, `data number ${n}`);
    }
    const large = { ttlMs: 60_000, data: "x".repeat(256 * 1024 + 1) };
    await refuses("VALUE_TOO_LARGE", () => store.openSession("large", large), "data too large");
    await refuses("VALUE_TOO_LARGE", () => store.updateSession("s0", large.data, 1), "an update");
    const torn = { ttlMs: 60_000, data: "\ud800" };
    await refuses("SERIALIZATION", () => store.openSession("torn", torn), "half a pair");
    assert.equal(await store.countSessions(), texts.length, "what is refused leaves nothing");
  });
}

export function updates(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const { session } = await store.openSession("ada", { ttlMs: 60_000, data: "one" });
    const updated = await store.updateSession("ada", "two", 1);
    assertSame([updated.version, updated.data], [2, "two"], "an update");
    assert.equal(updated.epoch, session.epoch, "an update keeps the epoch");
    const late = () => store.updateSession("ada", "three", 1);
    const error = await refuses("VERSION_CONFLICT", late, "an update of another version");
    assertSame(error.details, { name: "ada", expected: 1, current: 2 }, "the details");
    assert.equal((await store.getSession("ada"))?.data, "two", "a refused update changes nothing");
    const nobody = () => store.updateSession("bob", "two", 1);
    const missing = await refuses("SESSION_NOT_FOUND", nobody, "an update of no session");
    assertSame(missing.details, { sessionId: "bob" }, "the details");
  });
}

export function epochs(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const first = (await store.openSession("ada", hour)).session;
    await store.write("ada", [set("a", "of the first")], { epoch: first.epoch });
    const wrong = `${first.epoch}x`;
    assert.equal(await store.deleteSession("ada", wrong), false, "deleting another epoch");
    assert.equal(await store.deleteSession("ada", first.epoch), true, "deleting this epoch");
    assert.equal(await store.deleteSession("ada"), false, "deleting what is gone");
    assert.equal(await store.getSession("ada"), undefined, "a deleted session");
    assert.equal(await read(store, "ada", "a"), undefined, "a record of a deleted session");

    const second = (await store.openSession("ada", hour)).session;
    assert.notEqual(second.epoch, first.epoch, "another session of the same id");
    assertSame(await names(store, "ada"), [], "the records of a new session");
    const stale = () => store.write("ada", [set("a", "late")], { epoch: first.epoch });
    await refuses("SESSION_NOT_FOUND", stale, "a write into another epoch");
    assert.equal(await store.touchSession("ada", first.epoch), false, "a touch of another epoch");
    assert.equal(await store.touchSession("ada", second.epoch), true, "a touch");
    assert.equal(await read(store, "ada", "a"), undefined, "a refused write leaves nothing");
  });
}

export function listing(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const ids = ["a.b", "a-b", "a:b", "aB", "a", "Z", "0", "_", "a10", "a9", "a_b"];
    for (const id of ids) await store.openSession(id, { ttlMs: 60_000, data: id });
    const sorted = ids.toSorted();
    const all = await store.listSessions();
    assertSame(
      all.map(({ id }) => id),
      sorted,
      "sessions in the order of their ids",
    );
    assertSame(
      all.map(({ data }) => data),
      sorted,
      "their data",
    );
    const paged: string[] = [];
    for (let after: string | undefined; ; after = paged.at(-1)) {
      const page = await store.listSessions({
        limit: 4,
        ...(after === undefined ? {} : { after }),
      });
      if (page.length === 0) break;
      assert.ok(page.length <= 4, "a page has at most its limit");
      paged.push(...page.map(({ id }) => id));
    }
    assertSame(paged, sorted, "the pages together");
    assertSame(await store.listSessions({ after: "zzz" }), [], "behind the last");
  });
}

export function quota(options: StoreContract): Promise<void> {
  return withStore(options, { maxSessions: 3 }, async (store) => {
    for (const id of ["a", "b", "c"]) await store.openSession(id, hour);
    const fourth = () => store.openSession("d", hour);
    const error = await refuses("QUOTA_EXCEEDED", fourth, "a session too many");
    assertSame(error.details, { what: "sessions", limit: 3 }, "the details");
    const found = await store.openSession("a", hour);
    assertSame([found.isNew, found.sessions], [false, 3], "one that lives is still found");
    await store.deleteSession("b");
    assert.equal((await later(fourth)).sessions, 3, "there is room again");
  });
}
