import { FRESH_PART, MOST_FRESH_MS } from "../freshness.ts";
import { script } from "./connection.ts";

/**
 * What the server does in one step. All keys of a store carry the same hash tag, so that they lie
 * in one slot, and a script may reach each of them. With `base` for `{prefix}` and '' for nobody:
 *
 *   base:sessions  sorted set: id -> when it ends (+inf: never)
 *   base:ids       sorted set, all of one score: the ids in their order
 *   base:ends      sorted set: id/namespace/name -> when a record with an end of its own ends
 *   base:m:id      hash: the session's fields; and "namespace/name" -> head of the record
 *   base:v:id      hash: "namespace/name" -> head, NUL, value
 *   base:b:id      set: the names of the large values
 *   base:p:name    hash: the parts of a large value
 *
 * A head is version|end (0: none)|bytes|b or t (text)|name of the large value or nothing|type. The
 * keys of a session end with it (PEXPIREAT), so that nothing is left when nobody sweeps. Changes are
 * published on a channel of the name base:m:id.
 */
const shared = `
local MAX = 9007199254740991
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function int(n) return string.format('%.0f', n) end
local function parse(head)
  local version, ends, blob = string.match(head, '^(%d+)|(%d+)|%d+|%a|([^|]*)|')
  return tonumber(version), tonumber(ends), blob
end
local function is_over(ends, time) return ends > 0 and ends <= time end
local function fresh_ms(ttl)
  if ttl == 'inf' then return ${MOST_FRESH_MS} end
  return math.min(math.floor(tonumber(ttl) / ${FRESH_PART}), ${MOST_FRESH_MS})
end
local function is_fresh(ttl, used, time) return time - tonumber(used) < fresh_ms(ttl) end
local function use(base, id, ttl, time)
  redis.call('HSET', base .. ':m:' .. id, 'used', int(time))
  if ttl == 'inf' then return end
  local at = int(math.min(time + tonumber(ttl) + fresh_ms(ttl), MAX))
  redis.call('PEXPIREAT', base .. ':m:' .. id, at)
  redis.call('PEXPIREAT', base .. ':v:' .. id, at)
  local blobs = redis.call('SMEMBERS', base .. ':b:' .. id)
  for _, blob in ipairs(blobs) do redis.call('PEXPIREAT', base .. ':p:' .. blob, at) end
  if #blobs > 0 then redis.call('PEXPIREAT', base .. ':b:' .. id, at) end
  redis.call('ZADD', base .. ':sessions', at, id)
end
local function count(base, time)
  local ended = redis.call('ZCOUNT', base .. ':sessions', '-inf', '(' .. int(time))
  return redis.call('ZCARD', base .. ':sessions') - ended
end
local function drop_blob(base, id, blob)
  if blob == '' then return end
  redis.call('UNLINK', base .. ':p:' .. blob)
  redis.call('SREM', base .. ':b:' .. id, blob)
end
local function drop_record(base, id, field, ends, blob)
  redis.call('HDEL', base .. ':m:' .. id, field)
  redis.call('HDEL', base .. ':v:' .. id, field)
  if ends > 0 then redis.call('ZREM', base .. ':ends', id .. '/' .. field) end
  drop_blob(base, id, blob)
end
local fields = {'epoch', 'ttl', 'created', 'used', 'version', 'data'}
`;

/** base, id, epoch, ttl, data, most sessions -> "QUOTA", or is new, sessions, fields */
export const openSession = script(`${shared}
local base, id, epoch, ttl, data, most = unpack(ARGV)
local meta, time = base .. ':m:' .. id, now()
local found, live = redis.call('HMGET', meta, unpack(fields)), count(base, time)
if found[1] then
  if not is_fresh(found[2], found[4], time) then
    use(base, id, found[2], time)
    found[4] = int(time)
  end
  return {'0', int(live), unpack(found)}
end
if live >= tonumber(most) then return {'QUOTA'} end
redis.call('UNLINK', base .. ':v:' .. id, base .. ':b:' .. id)
local at = int(time)
redis.call('HSET', meta, 'epoch', epoch, 'ttl', ttl, 'created', at, 'version', '1', 'data', data)
redis.call('ZADD', base .. ':ids', 0, id)
redis.call('ZADD', base .. ':sessions', '+inf', id)
use(base, id, ttl, time)
return {'1', int(live + 1), epoch, ttl, at, at, '1', data}
`);

/** base, id, epoch -> 1, or 0: none of that epoch */
export const touchSession = script(`${shared}
local base, id, epoch = unpack(ARGV)
local found = redis.call('HMGET', base .. ':m:' .. id, 'epoch', 'ttl', 'used')
if found[1] ~= epoch then return 0 end
local time = now()
if not is_fresh(found[2], found[3], time) then use(base, id, found[2], time) end
return 1
`);

/** base, id, data, expected version -> "NONE", or "CONFLICT", version, or "OK", fields */
export const updateSession = script(`${shared}
local base, id, data, expect = unpack(ARGV)
local meta = base .. ':m:' .. id
local found = redis.call('HMGET', meta, 'ttl', 'version')
if not found[1] then return {'NONE'} end
if found[2] ~= expect then return {'CONFLICT', found[2]} end
redis.call('HSET', meta, 'data', data, 'version', int(tonumber(expect) + 1))
use(base, id, found[1], now())
return {'OK', unpack(redis.call('HMGET', meta, unpack(fields)))}
`);

/** base, id, epoch or '' -> 1, or 0: none of that epoch */
export const deleteSession = script(`${shared}
local base, id, epoch = unpack(ARGV)
local meta, blobs = base .. ':m:' .. id, base .. ':b:' .. id
local found = redis.call('HGET', meta, 'epoch')
if not found or (epoch ~= '' and epoch ~= found) then return 0 end
for _, blob in ipairs(redis.call('SMEMBERS', blobs)) do redis.call('UNLINK', base .. ':p:' .. blob) end
redis.call('UNLINK', meta, base .. ':v:' .. id, blobs)
redis.call('ZREM', base .. ':ids', id)
redis.call('ZREM', base .. ':sessions', id)
redis.call('PUBLISH', meta, '*')
return 1
`);

/** base, id to begin behind or '', limit -> id, fields of each */
export const listSessions = script(`${shared}
local base, after, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local from, found = after == '' and '-' or '(' .. after, {}
while #found < limit do
  local ids = redis.call('ZRANGEBYLEX', base .. ':ids', from, '+', 'LIMIT', 0, limit - #found)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local session = redis.call('HMGET', base .. ':m:' .. id, unpack(fields))
    if session[1] then table.insert(found, {id, unpack(session)}) end
  end
  from = '(' .. ids[#ids]
end
return found
`);

/** base -> sessions that live */
export const countSessions = script(`${shared}
return int(count(ARGV[1], now()))
`);

/** base, most sessions, most records -> the ids of sessions that have ended */
export const sweep = script(`${shared}
local base, time, named = ARGV[1], now(), {}
local sessions, ends = base .. ':sessions', base .. ':ends'
for _, id in ipairs(redis.call('ZRANGEBYSCORE', sessions, '-inf', '(' .. int(time), 'LIMIT', 0, ARGV[2])) do
  -- The server may see its end a millisecond later than this script.
  if redis.call('EXISTS', base .. ':m:' .. id) == 0 then
    redis.call('ZREM', sessions, id)
    redis.call('ZREM', base .. ':ids', id)
    table.insert(named, id)
  end
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', int(time), 'LIMIT', 0, ARGV[3])) do
  local id, field = string.match(member, '^([^/]*)/(.*)$')
  local meta = base .. ':m:' .. id
  local head = redis.call('HGET', meta, field)
  if head then
    local version, ending, blob = parse(head)
    if is_over(ending, time) then
      drop_record(base, id, field, ending, blob)
      redis.call('HINCRBY', meta, 'records', -1)
      local lost = tonumber(redis.call('HGET', meta, 'lost') or '0')
      redis.call('HSET', meta, 'lost', int(math.max(lost, version)))
    end
  end
  redis.call('ZREM', ends, member)
end
return named
`);

/** base, id, namespace or '' for all -> epoch, then field, head of each record */
export const listRecords = script(`${shared}
local base, id, namespace, time = ARGV[1], ARGV[2], ARGV[3], now()
local all = redis.call('HGETALL', base .. ':m:' .. id)
local found, prefix = {''}, namespace .. '/'
for at = 1, #all, 2 do
  local field = all[at]
  if field == 'epoch' then found[1] = all[at + 1] end
  local is_record = string.find(field, '/', 1, true)
  if is_record and (namespace == '' or string.sub(field, 1, #prefix) == prefix) then
    local _, ends = parse(all[at + 1])
    if not is_over(ends, time) then
      table.insert(found, field)
      table.insert(found, all[at + 1])
    end
  end
end
return found
`);

/**
 * The write that is made most, without all that others need: of one small value, in place of
 * another, in a session whose use has just been noted. Keys base:m:id and base:v:id; field, expected
 * version or '', epoch or '', or '-' where there is no session, rest of the head, value -> the
 * version, or false: it is not that, and nothing was written.
 */
export const overwriteRecord = script(`
local meta, values, field, epoch = KEYS[1], KEYS[2], ARGV[1], ARGV[3]
local known = redis.call('HMGET', meta, field, 'epoch', 'ttl', 'used')
if not known[1] then return false end
local version, ends, blob = string.match(known[1], '^(%d+)|(%d+)|%d+|%a|([^|]*)|')
if ends ~= '0' or blob ~= '' or (ARGV[2] ~= '' and ARGV[2] ~= version) then return false end
if epoch ~= '-' then
  if not known[2] or (epoch ~= '' and epoch ~= known[2]) then return false end
  local time, fresh = redis.call('TIME'), ${MOST_FRESH_MS}
  if known[3] ~= 'inf' then fresh = math.min(math.floor(known[3] / ${FRESH_PART}), fresh) end
  if time[1] * 1000 + time[2] / 1000 - known[4] >= fresh then return false end
end
version = string.format('%.0f', version + 1)
local head = version .. '|0|' .. ARGV[4]
redis.call('HSET', meta, field, head)
redis.call('HSET', values, field, head .. '\0' .. ARGV[5])
redis.call('PUBLISH', meta, 's' .. version .. '|' .. field)
return version
`);

/**
 * base, id, epoch or '', most records, number of changes; of each: s or d, field, expected version or
 * '', ttl or '', rest of the head (from the bytes on), value, name of the large value or ''
 * -> "NONE", or "CONFLICT", number of the change, version, or "QUOTA", or "GONE", or "OK", versions
 */
export const writeRecords = script(`${shared}
local base, id, epoch, most, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local meta, values = base .. ':m:' .. id, base .. ':v:' .. id
local time = now()
local known = redis.call('HMGET', meta, 'epoch', 'ttl', 'used', 'records', 'lost')
if id ~= '' and (not known[1] or (epoch ~= '' and epoch ~= known[1])) then return {'NONE'} end
local before, lost_before = tonumber(known[4] or '0'), tonumber(known[5] or '0')
local records, lost, olds, is_touched = before, lost_before, {}, {}
local function change(i)
  local at = 6 + (i - 1) * 7
  return ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
end
for i = 1, n do
  local kind, field, expect, _, _, _, blob = change(i)
  local head = redis.call('HGET', meta, field)
  local old = {version = 0, current = 0, ends = 0, blob = '', exists = head and true}
  if head then
    old.version, old.ends, old.blob = parse(head)
    if not is_over(old.ends, time) then old.current = old.version end
  end
  if expect ~= '' and tonumber(expect) ~= old.current then
    return {'CONFLICT', tostring(i), int(old.current)}
  end
  if blob ~= '' and redis.call('EXISTS', base .. ':p:' .. blob) == 0 then return {'GONE'} end
  if kind == 'd' and head then records = records - 1 end
  if kind == 's' and not head then records = records + 1 end
  olds[i] = old
  is_touched[field] = true
end
if records > most and records > before then
  -- Records that have ended make room first.
  local all = redis.call('HGETALL', meta)
  for at = 1, #all, 2 do
    local field = all[at]
    if string.find(field, '/', 1, true) and not is_touched[field] then
      local version, ends, blob = parse(all[at + 1])
      if is_over(ends, time) then
        drop_record(base, id, field, ends, blob)
        records, before, lost = records - 1, before - 1, math.max(lost, version)
      end
    end
  end
  redis.call('HSET', meta, 'records', int(before), 'lost', int(lost))
  lost_before = lost
  if records > most then return {'QUOTA'} end
end
local result, hints, is_new = {'OK'}, {}, false
for i = 1, n do
  local kind, field, _, ttl, rest, value, blob = change(i)
  local old = olds[i]
  if old.version > 0 and (old.current == 0 or kind == 'd') then lost = math.max(lost, old.version) end
  local version = old.current
  if kind == 'd' then
    if old.exists then drop_record(base, id, field, old.ends, old.blob) end
  else
    drop_blob(base, id, old.blob)
    version = (old.current == 0 and lost or old.current) + 1
    local ends = 0
    if ttl ~= '' then
      ends = math.min(time + tonumber(ttl), MAX)
      redis.call('ZADD', base .. ':ends', int(ends), id .. '/' .. field)
    elseif old.ends > 0 then
      redis.call('ZREM', base .. ':ends', id .. '/' .. field)
    end
    local head = int(version) .. '|' .. int(ends) .. '|' .. rest
    redis.call('HSET', meta, field, head)
    redis.call('HSET', values, field, head .. '\\0' .. value)
    if blob ~= '' then
      redis.call('PERSIST', base .. ':p:' .. blob)
      redis.call('SADD', base .. ':b:' .. id, blob)
    end
    is_new = is_new or not old.exists or blob ~= ''
  end
  table.insert(result, int(version))
  if version > 0 then table.insert(hints, kind .. int(version) .. '|' .. field) end
end
if records ~= before or lost ~= lost_before then
  redis.call('HSET', meta, 'records', int(records), 'lost', int(lost))
end
-- A key that is new has no end yet.
if id ~= '' and (is_new or not is_fresh(known[2], known[3], time)) then
  use(base, id, known[2], time)
end
if #hints > 0 then redis.call('PUBLISH', meta, table.concat(hints, '\\n')) end
return result
`);
