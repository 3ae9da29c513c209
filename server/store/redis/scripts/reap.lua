-- Jobs whose owner has not been heard of wait again, and large inputs whose time is over are forgotten. Anybody may call it, at any time; every owner does, several times in
-- a lease. When nobody has for half of one, Redis could not be reached: no owner is to blame, and all leases begin anew;
-- also when its clock was set back.
-- ARGV: most jobs, lease
-- Returns {in how many ms the next lease or deadline ends (nothing: there is none), jobs whose deadline has passed…};
-- these their caller ends.
local most, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
needs_no_memory()
local before = tonumber(redis.call('HGET', key('totals'), 'reaped') or now)
redis.call('HSET', key('totals'), 'reaped', now)
if now - before > lease / 2 or now < before then
  for _, id in ipairs(redis.call('ZRANGE', key('leases'), 0, -1)) do redis.call('ZADD', key('leases'), now + lease, id) end
  for _, model in ipairs(redis.call('SMEMBERS', key('models'))) do redis.call('HDEL', key('totals'), 'unknown:' .. model) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, most)) do
  local state, taken = unpack(get(id, 'state', 'taken'))
  if not state then
    redis.call('ZREM', key('leases'), id)
  else
    -- Who has not taken it in has not died of it.
    if taken then redis.call('HINCRBY', key('job', id), 'lost', 1) end
    requeue(id, 'LOST')
  end
end
local overdue = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, most)) do
  if redis.call('EXISTS', key('job', id)) == 1 then
    overdue[#overdue + 1] = id
  else
    redis.call('ZREM', key('deadlines'), id)
  end
end
forget_expired()
local next = false
for _, times in ipairs({'leases', 'deadlines'}) do
  local first = tonumber(redis.call('ZRANGE', key(times), 0, 0, 'WITHSCORES')[2])
  if first and (not next or first - now < next) then next = first - now end
end
return {next, unpack(overdue)}
