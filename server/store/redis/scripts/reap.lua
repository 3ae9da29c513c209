-- Jobs whose owner has not been heard of wait again. Anybody may call it, at any time.
-- ARGV: most jobs
-- Returns {the time of the next lease or deadline in ms, jobs whose deadline has passed…}; these their caller ends.
local most = tonumber(ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, most)) do
  redis.call('HINCRBY', key('job', id), 'lost', 1)
  requeue(id, 'LOST')
end
local next = '0'
for _, times in ipairs({'leases', 'deadlines'}) do
  local first = redis.call('ZRANGE', key(times), 0, 0, 'WITHSCORES')[2]
  if first and (next == '0' or tonumber(first) < tonumber(next)) then next = first end
end
local result = {next}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, most)) do
  result[#result + 1] = id
end
return result
