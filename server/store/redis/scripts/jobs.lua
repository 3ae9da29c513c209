-- What may happen to a job; behind common.lua. Jobs that make the same thing may share a run: one of them leads it, and
-- waits, is claimed and is written of; whatever is written of it is written of those that follow it, too. Only the leader
-- takes anything of a tenant's share.

-- Each costs a part of every write: SharedRuns has the same bound.
local MOST_FOLLOWERS = 255

-- Those that follow it, and itself.
local function sharers(id)
  local jobs = redis.call('SMEMBERS', key('followers', id))
  jobs[#jobs + 1] = id
  return jobs
end

-- It is counted as what it becomes, 'queued' or 'running'; REQUIRES: it is the other one.
local function change_state(id, tenant, from, to)
  for _, counted in ipairs({key('totals'), key('use', tenant)}) do
    redis.call('HINCRBY', counted, from, -1)
    redis.call('HINCRBY', counted, to, 1)
  end
  redis.call('HSET', key('job', id), 'state', to)
end

-- A job waits at its old place, as nobody runs it any more; whoever had it writes nothing of it any more.
local function requeue(id, reason)
  local f = get(id, 'model', 'tenant', 'work', 'place', 'owner')
  redis.call('ZREM', key('leases'), id)
  redis.call('HDEL', key('job', id), 'token', 'owner')
  local step = redis.call('HGET', key('checkpoint', id), 'step') or '0'
  for _, each in ipairs(sharers(id)) do
    redis.call('HDEL', key('job', each), 'told')
    if get(each, 'state')[1] == 'running' then change_state(each, f[2], 'running', 'queued') end
    append(each, 0, 'requeued', reason, 'step', step)
  end
  join_line(id, f[1], f[2], f[4], f[3])
  announce_work(id, f[1], f[5])
end

-- It begins, or begins again; `event` says how.
local function start(id, event)
  local f = get(id, 'state', 'tenant', 'start')
  if f[1] == 'queued' then
    change_state(id, f[2], 'queued', 'running')
    if not f[3] then redis.call('HSET', key('job', id), 'start', now) end
  end
  redis.call('HSET', key('job', id), 'started', event)
  append(id, 0, 'event', event)
end

local function add_progress(id, output, has_preview, event)
  local sequence = append(id, 0, 'event', event)
  -- The newest stays, and the newest with a preview, which may be the same one.
  local newest, preview = 'progress:' .. output, 'preview:' .. output
  local old = redis.call('HMGET', key('job', id), newest, preview)
  if old[1] and old[1] ~= old[2] then redis.call('XDEL', key('events', id), old[1] .. '-0') end
  if has_preview then
    if old[2] then redis.call('XDEL', key('events', id), old[2] .. '-0') end
    redis.call('HSET', key('job', id), preview, sequence, 'preview_bytes:' .. output, #event)
  end
  redis.call('HSET', key('job', id), newest, sequence)
end

-- An output whose bytes are there.
local function add_output(id, index, pieces, event)
  redis.call('HSET', key('job', id), 'output:' .. index, event, 'pieces:' .. index, pieces)
  append(id, tonumber(pieces), 'event', event, 'output', index, 'pieces', pieces)
end

local function copy_output(from, to, index)
  redis.call('COPY', key('output', from, index), key('output', to, index))
end

-- Who comes after a run's end gets copies at once, which no queue holds back: they must have room among what is kept.
local function has_room_for_copies(leader, kept_bound)
  local kept = get(leader, 'kept')[1]
  if not kept then return true end
  return look_at_kept() + tonumber(string.match(kept, '^%d+')) <= kept_bound
end

-- Who leads waits at the best place of those that share the run.
local function bring_forward(leader, model, tenant, place)
  if redis.call('ZADD', line_key(model, tenant), 'XX', 'LT', 'CH', place, leader) == 1 then
    redis.call('HSET', key('job', leader), 'place', place)
  end
end

-- It shares the run of the one that leads, and hears what that has made already.
local function follow(id, leader)
  redis.call('HSET', key('job', id), 'follows', leader)
  redis.call('SADD', key('followers', leader), id)
  local f = get(leader, 'started', 'outputs', 'state')
  if f[3] ~= 'queued' then start(id, f[1]) end
  for i = 0, tonumber(f[2]) - 1 do
    local output = get(leader, 'pieces:' .. i, 'output:' .. i)
    if output[1] then
      copy_output(leader, id, i)
      add_output(id, i, output[1], output[2])
    end
  end
end

-- The first of those that follow leads from now on, from the last checkpoint; without any the run is over.
local function hand_on(id, run, tenant)
  local next = redis.call('SPOP', key('followers', id))
  if not next then return redis.call('DEL', run) end
  redis.call('SET', run, next)
  local others = redis.call('SMEMBERS', key('followers', id))
  for _, other in ipairs(others) do redis.call('HSET', key('job', other), 'follows', next) end
  if #others > 0 then redis.call('RENAME', key('followers', id), key('followers', next)) end
  if redis.call('EXISTS', key('checkpoint', id)) == 1 then
    redis.call('RENAME', key('checkpoint', id), key('checkpoint', next))
    redis.call('HDEL', key('checkpoint', next), 'usage')  -- the former leader's
  end
  local work, place = unpack(get(next, 'run_work', 'place'))
  place = tonumber(place)
  for _, other in ipairs(others) do place = math.min(place, tonumber(get(other, 'place')[1])) end
  redis.call('HDEL', key('job', next), 'follows')
  redis.call('HSET', key('job', next), 'work', work, 'place', place)
  redis.call('HINCRBYFLOAT', key('use', tenant), 'taken', work)
  requeue(next, 'SHARED_RUN_ENDED')
end

-- It has ended. `kept`: how long others find what it made; nothing when it made nothing of use to them.
local function leave_run(id, kept)
  local f = get(id, 'run', 'follows', 'tenant')
  if f[2] then return redis.call('SREM', key('followers', f[2]), id) end
  if (f[1] or '') == '' then return end
  local run = key('run', f[3], f[1])
  if redis.call('GET', run) ~= id then return end
  if kept then return redis.call('PEXPIRE', run, kept) end
  hand_on(id, run, f[3])
end

-- It has ended, in any way: nobody owns it any more, and it is kept for its time. `is_whole`: all that it was to make is
-- there.
local function finish(id, state, is_whole, ...)
  local f = get(id, 'state', 'model', 'tenant', 'work', 'bytes', 'keep', 'outputs', 'expire', 'used', 'start', 'request_id', 'owner')
  local before, model, tenant = f[1], f[2], f[3]
  leave_line(id, model, tenant, tonumber(f[4]))
  redis.call('ZREM', key('leases'), id)
  redis.call('ZREM', key('deadlines'), id)
  local token = redis.call('HGET', key('job', id), 'token')
  if token then
    redis.call('HSET', key('job', id), 'former', token)
    if f[10] then note_run(now - f[10]) end
  end
  redis.call('HDEL', key('job', id), 'token', 'owner')
  -- He may have others like it.
  if f[12] and redis.call('GET', key('suspect', f[12])) == id then
    redis.call('DEL', key('suspect', f[12]))
    redis.call('PUBLISH', key('work', f[12]), '')
  end
  redis.call('HINCRBY', key('totals'), before, -1)
  redis.call('HINCRBY', key('totals'), 'bytes', -tonumber(f[5]))
  redis.call('HINCRBY', key('use', tenant), before, -1)
  redis.call('HINCRBYFLOAT', key('use', tenant), 'taken', tonumber(f[9] or '0') - tonumber(f[4]))
  forget_idle(tenant)
  local kept = tonumber(f[6])
  local wanted = tonumber(f[8] or '0')
  if wanted > 0 then kept = math.max(0, math.min(kept, wanted - now)) end
  redis.call('HSET', key('job', id), 'state', state, 'end', now, 'forget', now + kept, ...)
  leave_run(id, is_whole and kept)
  redis.call('DEL', key('checkpoint', id), key('pictures', id))
  keep(id, tenant, tonumber(f[7]), now + kept)
  -- A moment longer, so that whoever reads finds it whole.
  kept = kept + 1000
  redis.call('PEXPIRE', key('job', id), kept)
  redis.call('PEXPIRE', key('events', id), kept)
  if f[11] ~= '' then redis.call('PEXPIRE', key('request', tenant, f[11]), kept) end
  -- Who reads comes to them one by one.
  for i = 0, tonumber(f[7]) - 1 do redis.call('PEXPIRE', key('output', id, i), kept + 60000) end
end

-- Its last event; `waited`: for how long, until it began first or ended.
local function append_end(id, kind, value, ...)
  local f = get(id, 'start', 'create')
  append(id, 0, kind, value, 'waited', tonumber(f[1] or now) - tonumber(f[2]), ...)
end

local function complete(id, usage, is_whole)
  redis.call('HSET', key('job', id), 'usage', usage)
  append_end(id, 'completed', usage)
  finish(id, 'completed', is_whole)
end
