-- An owner lives: what he owns stays his, and the models that he has are known.
-- ARGV: owner, lease, number of models, models…, id, token, id, token, …
-- Returns the jobs that are not his any more.
local owner, lease, models = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, 3 + models do
  redis.call('ZADD', key('loaded', ARGV[i]), now + lease, owner)
  redis.call('ZREMRANGEBYSCORE', key('loaded', ARGV[i]), '-inf', now)
  redis.call('PEXPIRE', key('loaded', ARGV[i]), lease)
end
local lost = {}
for i = 4 + models, #ARGV, 2 do
  if redis.call('HGET', key('job', ARGV[i]), 'token') == ARGV[i + 1] then
    redis.call('ZADD', key('leases'), now + lease, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
