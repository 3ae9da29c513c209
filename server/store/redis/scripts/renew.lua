-- An owner lives: what he owns stays his, and that he takes jobs, and which models he has, is known.
-- ARGV: owner, lease, '1' while he takes jobs, number of models, models…, id, token, id, token, …
-- Returns the jobs that are not his any more.
needs_no_memory()
local owner, lease, models = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])

-- Gives whether he, or another, came or went.
local function note(list)
  local gone = redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  if ARGV[3] ~= '1' then return redis.call('ZREM', list, owner) + gone > 0 end
  local new = redis.call('ZADD', list, now + lease, owner)
  redis.call('PEXPIRE', list, lease)
  return new + gone > 0
end

local gone = redis.call('ZRANGEBYSCORE', key('replicas'), '-inf', now)
if ARGV[3] == '1' then
  redis.call('ZADD', key('names'), 0, owner)
  redis.call('PEXPIRE', key('names'), lease)
else
  gone[#gone + 1] = owner
end
for _, name in ipairs(gone) do redis.call('ZREM', key('names'), name) end
if note(key('replicas')) then announce_move() end
for i = 5, 4 + models do note(key('loaded', ARGV[i])) end
local lost = {}
for i = 5 + models, #ARGV, 2 do
  if redis.call('HGET', key('job', ARGV[i]), 'token') == ARGV[i + 1] then
    redis.call('ZADD', key('leases'), now + lease, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
