-- An owner lives: what he owns stays his, and that he takes jobs, and which models he has and could load, is known.
-- ARGV: owner, lease, '1' while he takes jobs, number of models that he has, models…, number of others that he could load,
--       models…, id, token, id, token, …
-- Returns id, token, id, token, … of the jobs that are not his any more.
needs_no_memory()
local owner, lease = ARGV[1], tonumber(ARGV[2])
local has_end = 4 + tonumber(ARGV[4])
local models_end = has_end + 1 + tonumber(ARGV[has_end + 1])

-- Gives whether he, or another, came or went.
local function note(list)
  local gone = redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  if ARGV[3] ~= '1' then return redis.call('ZREM', list, owner) + gone > 0 end
  local new = redis.call('ZADD', list, now + lease, owner)
  redis.call('PEXPIRE', list, lease)
  return new + gone > 0
end

local function note_known(model)
  local gone = redis.call('ZRANGEBYSCORE', key('knows', model), '-inf', now)
  if ARGV[3] == '1' then
    redis.call('ZADD', key('names', model), 0, owner)
    redis.call('PEXPIRE', key('names', model), lease)
  else
    gone[#gone + 1] = owner
  end
  for _, name in ipairs(gone) do redis.call('ZREM', key('names', model), name) end
  local changed = note(key('knows', model))
  if changed and ARGV[3] == '1' then redis.call('HDEL', key('totals'), 'unknown:' .. model) end
  return changed
end

local changed = note(key('replicas'))
for i = 5, has_end do
  note(key('loaded', ARGV[i]))
  changed = note_known(ARGV[i]) or changed
end
for i = has_end + 2, models_end do changed = note_known(ARGV[i]) or changed end
if changed then announce_move() end  -- each one's part of the line, too
local lost = {}
for i = models_end + 1, #ARGV, 2 do
  if redis.call('HGET', key('job', ARGV[i]), 'token') == ARGV[i + 1] then
    redis.call('ZADD', key('leases'), now + lease, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
