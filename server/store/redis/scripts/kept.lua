-- Jobs that have ended, and what is kept of them; behind common.lua. Each is an entry BYTES:ID:TENANT. Redis forgets them
-- when their time is over; before that, until the bound is kept, the oldest of the tenant that holds the most goes, but
-- nothing that ended within the last minute: somebody may be reading it.

-- Of its own: its fields, its small events, its places in the lists.
local JOB_BYTES = 4096

-- At most so many go with one that comes: when the bound falls, no script is to hold up all others.
local MOST_AT_ONCE = 32

local function uncount(entry)
  local bytes, id, tenant = string.match(entry, '^(%d+):([^:]*):(.*)$')
  redis.call('ZREM', key('ended', tenant), entry)
  redis.call('ZREM', key('jobs', tenant), id)
  if redis.call('ZREM', key('expiries'), entry) == 0 then return end
  if redis.call('HINCRBY', key('kept'), tenant, -bytes) <= 0 then redis.call('HDEL', key('kept'), tenant) end
end

-- REQUIRES: it has ended.
local function forget(id)
  local f = get(id, 'tenant', 'outputs', 'request_id', 'run', 'kept')
  if not f[1] then return end  -- somebody has deleted its key
  if f[5] then uncount(f[5]) end
  redis.call('PUBLISH', key('told', id), '')
  if f[3] ~= '' then redis.call('DEL', key('request', f[1], f[3])) end
  local run = key('run', f[1], f[4] or '')
  if redis.call('GET', run) == id then redis.call('DEL', run) end
  redis.call('UNLINK', key('job', id), key('events', id))
  for i = 0, tonumber(f[2]) - 1 do redis.call('UNLINK', key('output', id, i)) end
end

-- What is kept in all, who holds the most, and his oldest.
local function look_at_kept()
  local total, most, tenant = 0, -1, nil
  local fields = redis.call('HGETALL', key('kept'))
  for i = 1, #fields, 2 do
    local bytes = tonumber(fields[i + 1])
    total = total + bytes
    if bytes > most then most, tenant = bytes, fields[i] end
  end
  if not tenant then return total end
  local oldest = redis.call('ZRANGE', key('ended', tenant), 0, 0, 'WITHSCORES')
  return total, oldest[1], tonumber(oldest[2])
end

-- It has ended, and is kept until that time.
local function keep(id, tenant, outputs, until_when)
  local bytes = JOB_BYTES + #get(id, 'request')[1]
  for i = 0, outputs - 1 do
    bytes = bytes + redis.call('STRLEN', key('output', id, i)) + tonumber(get(id, 'preview_bytes:' .. i)[1] or '0')
  end
  local entry = bytes .. ':' .. id .. ':' .. tenant
  redis.call('HSET', key('job', id), 'kept', entry)
  redis.call('ZADD', key('expiries'), until_when, entry)
  redis.call('ZADD', key('ended', tenant), now, entry)
  if redis.call('PTTL', key('ended', tenant)) < until_when - now then
    redis.call('PEXPIREAT', key('ended', tenant), until_when + 1000)
  end
  redis.call('HINCRBY', key('kept'), tenant, bytes)
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', key('expiries'), '-inf', now)) do uncount(expired) end
  local bound = tonumber(redis.call('HGET', key('totals'), 'job_bytes'))
  for _ = 1, MOST_AT_ONCE do
    local total, oldest, ended = look_at_kept()
    if not (bound and total > bound and oldest and ended < now - 60000) then return end
    forget(string.match(oldest, '^%d+:([^:]*):'))
    uncount(oldest)
  end
end

