-- What all scripts begin with. KEYS[1]: what every key begins with. Only scripts change what belongs to jobs, so that
-- every change is whole or not at all. Keys, behind the prefix:
--
--   job:ID          hash     all that is known of a job but its events
--   events:ID       stream   its history; an entry's id is SEQUENCE-0
--   output:ID:N     string   bytes of an output
--   pictures:ID     hash     files that its request brought along, by their hashes, until it ends
--   checkpoint:ID   hash     step, usage, and row:N of each unfinished row
--   waiting:MODEL   hash     how many jobs wait, by tenant
--   line:MODEL:TENANT  zset  those that wait, the most urgent first
--   models          set      those with a line
--   leases          zset     jobs that somebody has, by the end of their lease
--   deadlines       zset     jobs that have not ended, by their deadline
--   jobs:TENANT     zset     all of a tenant's jobs, by number
--   request:TENANT:ID  string  the job that has this request id
--   run:TENANT:RUN  string   the job that leads this run, or has completed it
--   followers:ID    set      jobs that share the run that it leads
--   use:TENANT      hash     what counts against its quotas; the number of the last token that it got
--   shares          zset     tenants that had more of the devices, for their weights, than who was served last
--   totals          hash     jobs and bytes that wait or run; the last number and token; work that waits, by model; the
--                            share that was served last; since when nobody knows a model; when leases were looked at last,
--                            and the line's move was announced; the bound of what is kept; how long a job runs
--   replicas        zset     replicas that take jobs, by the time until which that is known
--   claimed:OWNER   hash     number and answer of its last claim
--   suspect:OWNER   string   the job that it has whose owners were lost again and again
--   loaded:MODEL    zset     those of them that have it, likewise
--   knows:MODEL     zset     those of them that have it or could load it, likewise
--   names:MODEL     zset     the same, by name
--   kept            hash     bytes of jobs that have ended, by tenant
--   expiries        zset     these jobs, by the time when Redis forgets them
--   ended:TENANT    zset     the same, by the time when they ended
--   idle            zset     those that would have taken more jobs than there were, by the time when they asked
--   idle:MODEL      zset     those of them that have it, likewise
--   dead            list     jobs that ended because their replicas died again and again, or none could read them

local prefix = KEYS[1]

local function key(...)
  return prefix .. table.concat({...}, ':')
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)  -- ms

-- A Redis that is full lets a script write that has written before. New jobs and blobs are refused then; what was
-- accepted can still be run and ended, which is what makes room.
local function needs_no_memory()
  redis.call('DEL', key('nothing'))
end

local function get(id, ...)
  return redis.call('HMGET', key('job', id), ...)
end

-- Writes an event, as pairs of names and values; `pieces` numbers after it are its own.
local function append(id, pieces, ...)
  local sequence = redis.call('HINCRBY', key('job', id), 'sequence', 1 + pieces) - pieces
  redis.call('XADD', key('events', id), sequence .. '-0', 'time', now, ...)
  redis.call('PUBLISH', key('told', id), sequence)
  return sequence
end

-- Whether the next move of the line is announced: not within 400 ms of the last that was. Whoever looks at the line is
-- told so (queue.lua), and looks again later.
local function announces_moves()
  local since = now - tonumber(redis.call('HGET', key('totals'), 'moved') or '0')
  return since < 0 or since >= 400
end

-- The line has moved: whoever tells of it looks.
local function announce_move()
  if not announces_moves() then return end
  redis.call('HSET', key('totals'), 'moved', now)
  redis.call('PUBLISH', key('moved'), '')
end

-- Whether the owner is on a list of those that are heard of.
local function is_on(list, owner)
  return tonumber(redis.call('ZSCORE', list, owner) or '0') > now
end

-- A job that owners could not run where they are is tried by so many, and by the one that has accepted it, which has
-- seen what it needs. Were all to try, one job that is wrong everywhere would be everybody's work.
local MOST_TRIES = 3
-- Whoever accepted it may be away; a machine may take minutes to come.
local NOBODY_COMES = 600000

local function has_tried(owner, id)
  return redis.call('HEXISTS', key('job', id), 'unable:' .. owner) == 1
end

local function may_try(owner, id)
  local tries, accepted_by = unpack(get(id, 'tries', 'accepted_by'))
  if not tries then return true end
  if has_tried(owner, id) then return false end
  return tonumber(tries) < MOST_TRIES or owner == accepted_by or not accepted_by or not is_on(key('replicas'), accepted_by)
end

-- Whether there is somebody who knows its model and may try it, or may come.
local function somebody_may_try(id, model)
  local tries, accepted_by, since = unpack(get(id, 'tries', 'accepted_by', 'unable_since'))
  if accepted_by and not has_tried(accepted_by, id) then
    if is_on(key('knows', model), accepted_by) then return true end
    if now - tonumber(since or now) < NOBODY_COMES then return true end
  end
  -- One of so many is new to it.
  local known = redis.call('ZRANGEBYSCORE', key('knows', model), now, '+inf', 'LIMIT', 0, tonumber(tries or '0') + 1)
  for _, owner in ipairs(known) do
    if may_try(owner, id) then return true end
  end
  return false
end

-- The one of the list who has waited for the longest and is to look: he is not on it any more.
local function take_from(list, id, former)
  local at = 0
  while true do
    local owner = redis.call('ZRANGE', list, at, at)[1]
    if not owner then return nil end
    if not is_on(key('replicas'), owner) then
      redis.call('ZREM', list, owner)
    elseif owner ~= former and may_try(owner, id) then
      redis.call('ZREM', list, owner)
      return owner
    else
      at = at + 1
    end
  end
end

-- There is one more job: one of those who wait for work looks again, who has the model; when nobody has it, anyone; but
-- not the `former` owner. So does the one who has accepted it when others could not run it. Were all to look, a job would
-- cost as much as there are replicas.
local function announce_work(id, model, former)
  local tries, accepted_by = unpack(get(id, 'tries', 'accepted_by'))
  if tries and accepted_by and accepted_by ~= former and is_on(key('knows', model), accepted_by) and may_try(accepted_by, id) then
    redis.call('PUBLISH', key('work', accepted_by), '')
  end
  if tonumber(tries or '0') < MOST_TRIES then
    local is_loaded = redis.call('ZCOUNT', key('loaded', model), now, '+inf') > 0
    local owner = take_from(is_loaded and key('idle', model) or key('idle'), id, former)
    if owner then redis.call('PUBLISH', key('work', owner), '') end
  end
  announce_move()
end

local function is_final(state)
  return state == 'completed' or state == 'failed' or state == 'cancelled'
end

local function line_key(model, tenant)
  return key('line', model, tenant)
end

-- The job waits, at its place.
local function join_line(id, model, tenant, place, work)
  redis.call('HSET', key('job', id), 'waits', now)
  redis.call('ZADD', line_key(model, tenant), place, id)
  redis.call('HINCRBY', key('waiting', model), tenant, 1)
  redis.call('SADD', key('models'), model)
  redis.call('HINCRBYFLOAT', key('totals'), 'waiting:' .. model, work)
end

local function leave_line(id, model, tenant, work)
  if redis.call('ZREM', line_key(model, tenant), id) == 0 then return end
  if redis.call('HINCRBY', key('waiting', model), tenant, -1) <= 0 then
    redis.call('HDEL', key('waiting', model), tenant)
  end
  if redis.call('EXISTS', key('waiting', model)) == 0 then
    redis.call('SREM', key('models'), model)
    redis.call('HDEL', key('totals'), 'unknown:' .. model)
  end
  redis.call('HINCRBYFLOAT', key('totals'), 'waiting:' .. model, -work)
end

-- What a script has read of the lines for `position`: thousands of tenants may wait, and many jobs ask.
local read = {}

local function once(what, how)
  if read[what] == nil then read[what] = how() end
  return read[what]
end

-- Who waits for the model: tenants, how many jobs of theirs, by what weight they take turns.
local function lines_of(model)
  return once('lines:' .. model, function()
    local lines = {}
    local waiting = redis.call('HGETALL', key('waiting', model))
    for i = 1, #waiting, 2 do
      local weight = redis.call('HGET', key('use', waiting[i]), 'weight')
      lines[#lines + 1] = {tenant = waiting[i], waiting = tonumber(waiting[i + 1]), weight = tonumber(weight or '1')}
    end
    return lines
  end)
end

local function place_of(model, tenant, index)
  local line = line_key(model, tenant)
  return once(line .. ' ' .. index, function()
    return tonumber(redis.call('ZRANGE', line, index, index, 'WITHSCORES')[2])
  end)
end

-- Jobs before this one. Tenants take turns by their weights: the n-th of one stands before the m-th of another when
-- n / weight is smaller than its m / weight, or equal and its place is. REQUIRES: the script does not change the lines
-- after this.
local function position(id, model, tenant, weight)
  local index = redis.call('ZRANK', line_key(model, tenant), id)
  if not index then return 0 end
  local turn, before = (index + 1) / weight, index
  local place = place_of(model, tenant, index)
  for _, line in ipairs(lines_of(model)) do
    if line.tenant ~= tenant then
      local turns = turn * line.weight
      local ahead = math.min(line.waiting, math.ceil(turns) - 1)
      if turns == math.floor(turns) and turns <= line.waiting and place_of(model, line.tenant, turns - 1) < place then
        ahead = ahead + 1
      end
      before = before + ahead
    end
  end
  return before
end

-- A job's end tells how long jobs run; the last ones count most.
local function note_run(ms)
  local mean = tonumber(redis.call('HGET', key('totals'), 'mean') or ms)
  redis.call('HSET', key('totals'), 'mean', mean + 0.1 * (ms - mean))
end

-- In how many ms the job at this position begins, as QueueEstimate has it; nothing before the first job has ended.
local function until_start(place)
  local totals = redis.call('HMGET', key('totals'), 'mean', 'running')
  if not totals[1] then return nil end
  local running = tonumber(totals[2] or '0')
  if running > 0 then place = place + 1 end
  return math.floor(totals[1] * place / math.max(1, running))
end

-- In how many ms there is room for one more in the line.
local function until_room()
  return math.min(math.max(until_start(0) or 0, 1000), 60000)
end

-- The job waits, at this position.
local function append_queued(id, place)
  local eta = until_start(place)
  if not eta then return append(id, 0, 'queued', place) end
  return append(id, 0, 'queued', place, 'eta', eta)
end

-- What the tenant took of its pixel-steps is made good by time.
local function refill(tenant, per_minute)
  local use = key('use', tenant)
  local old = redis.call('HMGET', use, 'taken', 'at', 'per_minute')
  local passed = math.max(0, now - tonumber(old[2] or now))  -- a clock may be set back
  local taken = tonumber(old[1] or '0') - tonumber(old[3] or '0') * passed / 60000
  if taken < 0 or per_minute == 0 then taken = 0 end
  redis.call('HSET', use, 'taken', taken, 'at', now, 'per_minute', per_minute)
  return taken
end

-- What is known of a tenant without jobs is kept until it makes no difference.
local function forget_idle(tenant)
  local use = key('use', tenant)
  local f = redis.call('HMGET', use, 'queued', 'running', 'taken', 'per_minute')
  if tonumber(f[1] or '0') + tonumber(f[2] or '0') > 0 then return end
  local owed, per_minute = tonumber(f[3] or '0'), tonumber(f[4] or '0')
  local until_even = per_minute > 0 and math.max(0, owed / per_minute * 60000) or 0
  redis.call('PEXPIRE', use, math.floor(until_even) + 60000)
end
