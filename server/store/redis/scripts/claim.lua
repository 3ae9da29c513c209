-- Gives waiting jobs to an owner: those of models that he has, and of others that he could load when nobody has their
-- model, or they have waited for too long. Those of models that he cannot load he takes, to fail them, when nobody else
-- could for a long time; those that he could not run already are left to others. Tenants take turns by what they had, for
-- their weights (start-time fair queuing); of those that are level, as devices with other models served others meanwhile,
-- the one whose last turn is the longest ago.
-- ARGV: owner, number of this claim among his, lease, most jobs, patience, whether he could load one now, number of models
--       that he has, models…, number of others that he could load, models…, those that he cannot load…
-- Returns for each job: id, token, how often its owner was lost. A claim with the number of the one before it is that one:
-- its answer was lost.
local owner, lease, most, patience = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local has_end = 7 + tonumber(ARGV[7])
local models_end = has_end + 1 + tonumber(ARGV[has_end + 1])
local has, could_load = {}, {}
for i = 8, has_end do has[ARGV[i]] = true end
for i = has_end + 2, models_end do could_load[ARGV[i]] = true end
-- A job whose owners were lost so often may be what they die of: an owner runs one such at a time, so that it takes no
-- other with it.
local SUSPECT = 2
-- So many jobs that are not his to take are passed by in a line for those behind them, and so many in all.
local PASSED_BY = 64
local PASSED_BY_IN_ALL = 256
needs_no_memory()
for i = has_end + 2, #ARGV do  -- he may have had it
  redis.call('ZREM', key('loaded', ARGV[i]), owner)
  redis.call('ZREM', key('idle', ARGV[i]), owner)
end
for i = models_end + 1, #ARGV do
  redis.call('ZREM', key('knows', ARGV[i]), owner)
  redis.call('ZREM', key('names', ARGV[i]), owner)
end

local answer = redis.call('HMGET', key('claimed', owner), 'number', 'jobs')
if answer[1] == ARGV[2] then
  local still_his = {}
  for _, job in ipairs(cjson.decode(answer[2])) do
    if get(job[1], 'token')[1] == job[2] then
      redis.call('ZADD', key('leases'), now + lease, job[1])
      still_his[#still_his + 1] = job
    end
  end
  return still_his
end

-- Behind those that are passed by.
local function first_of(model, tenant, passed_by)
  local entry = redis.call('ZRANGE', line_key(model, tenant), passed_by, passed_by, 'WITHSCORES')
  return entry[1], tonumber(entry[2])
end

local function nobody_knows(model)
  local since = 'unknown:' .. model
  if redis.call('ZCOUNT', key('knows', model), now, '+inf') > 0 then
    redis.call('HDEL', key('totals'), since)
    return false
  end
  redis.call('HSETNX', key('totals'), since, now)
  return now - redis.call('HGET', key('totals'), since) >= NOBODY_COMES
end

local function may_take(model)
  if has[model] then return true end
  if not could_load[model] then return nobody_knows(model) end
  if ARGV[6] ~= '1' then return false end
  if redis.call('ZCOUNT', key('loaded', model), now, '+inf') == 0 then return true end
  for _, tenant in ipairs(redis.call('HKEYS', key('waiting', model))) do
    local id = first_of(model, tenant, 0)
    local f = get(id, 'waits', 'tries', 'accepted_by')
    if now - tonumber(f[1] or 0) >= patience or (f[2] and f[3] == owner and may_try(owner, id)) then return true end
  end
  return false
end

local models = {}
for _, model in ipairs(redis.call('SMEMBERS', key('models'))) do
  if may_take(model) then models[#models + 1] = model end
end

-- Read once: thousands of tenants may wait.
local base = tonumber(redis.call('HGET', key('totals'), 'served') or '0')
local lines, shares, turns = {}, {}, {}
for _, model in ipairs(models) do
  for _, tenant in ipairs(redis.call('HKEYS', key('waiting', model))) do
    local id, place = first_of(model, tenant, 0)
    lines[#lines + 1] = {model = model, tenant = tenant, id = id, place = place, passed_by = 0}
    if not shares[tenant] then
      shares[tenant] = tonumber(redis.call('ZSCORE', key('shares'), tenant) or '0')
      turns[tenant] = tonumber(redis.call('HGET', key('use', tenant), 'turn') or '0')
    end
  end
end

-- Models come one by one: of those that he has not, he takes jobs of one.
local cold
local function is_his(line)
  return line.id and (has[line.model] or not cold or line.model == cold)
end

-- What he has of them.
local suspect = redis.call('GET', key('suspect', owner))
if suspect and get(suspect, 'owner')[1] ~= owner then suspect = nil end

-- Whether the first is the first to go.
local function goes_first(line, share, other, other_share)
  if not other then return true end
  if share ~= other_share then return share < other_share end
  local turn, other_turn = turns[line.tenant], turns[other.tenant]
  return turn < other_turn or (turn == other_turn and line.place < other.place)
end

local claimed, passed_by = {}, 0
while #claimed < most do
  local best, best_share
  for _, line in ipairs(lines) do
    local share = math.max(base, shares[line.tenant])
    if is_his(line) and goes_first(line, share, best, best_share) then best, best_share = line, share end
  end
  if not best then break end

  local id, tenant = best.id, best.tenant
  local f = get(id, 'work', 'weight', 'lost', 'deadline', 'tries')
  local is_suspect = tonumber(f[3] or '0') >= SUSPECT
  if (is_suspect and suspect) or (f[5] and not may_try(owner, id) and somebody_may_try(id, best.model)) then
    best.passed_by = best.passed_by + 1
    passed_by = passed_by + 1
    if best.passed_by == PASSED_BY or passed_by >= PASSED_BY_IN_ALL then
      best.id = nil
    else
      best.id, best.place = first_of(best.model, tenant, best.passed_by)
    end
  else
    if not has[best.model] then cold = best.model end
    leave_line(id, best.model, tenant, tonumber(f[1] or '0'))
    best.id, best.place = first_of(best.model, tenant, best.passed_by)
    if f[1] then  -- else somebody has deleted its key
      if is_suspect then
        suspect = id
        redis.call('SET', key('suspect', owner), id, 'PX', math.max(1, f[4] - now))
      end
      base = best_share
      shares[tenant] = best_share + tonumber(f[1]) / tonumber(f[2])
      redis.call('ZADD', key('shares'), shares[tenant], tenant)
      local number = redis.call('HINCRBY', key('totals'), 'token', 1)
      turns[tenant] = number
      redis.call('HSET', key('use', tenant), 'turn', number)
      -- With owner and time: a Redis that comes back with less than it had gives a number twice.
      local token = table.concat({number, owner, now}, ':')
      redis.call('HSET', key('job', id), 'token', token, 'owner', owner)
      redis.call('HDEL', key('job', id), 'written', 'taken')
      redis.call('ZADD', key('leases'), now + lease, id)
      claimed[#claimed + 1] = {id, token, f[3] or '0'}
    end
  end
end
if #claimed > 0 then
  redis.call('HSET', key('totals'), 'served', base)
  redis.call('ZREMRANGEBYSCORE', key('shares'), '-inf', base)
  redis.call('HSET', key('claimed', owner), 'number', ARGV[2], 'jobs', cjson.encode(claimed))
  redis.call('PEXPIRE', key('claimed', owner), lease)
  announce_move()
end

-- Who has got less than he asked for is told when there is more.
local function note(list)
  if #claimed == most then return redis.call('ZREM', list, owner) end
  redis.call('ZADD', list, clock[1] * 1000000 + clock[2], owner)
  redis.call('PEXPIRE', list, lease)
end

if ARGV[6] == '1' and not cold then note(key('idle')) else redis.call('ZREM', key('idle'), owner) end
for model in pairs(has) do note(key('idle', model)) end
return claimed
