-- What waits, for a replica that tells of it: each tells an equal part, so that the sum over all is right.
-- ARGV: owner
-- Returns for each model with a line: its name, jobs, work; of these the owner's part.
local replicas, before, is_one = 0, 0, false
for _, replica in ipairs(redis.call('ZRANGEBYSCORE', key('replicas'), now, '+inf')) do
  replicas = replicas + 1
  if replica < ARGV[1] then before = before + 1 end
  if replica == ARGV[1] then is_one = true end
end
if not is_one then return {} end

local function part(whole)
  return math.floor(whole / replicas) + (before < whole % replicas and 1 or 0)
end

local parts = {}
for _, model in ipairs(redis.call('SMEMBERS', key('models'))) do
  local jobs = 0
  for _, waiting in ipairs(redis.call('HVALS', key('waiting', model))) do jobs = jobs + waiting end
  local work = tonumber(redis.call('HGET', key('totals'), 'waiting:' .. model))
  parts[#parts + 1] = {model, part(jobs), part(math.floor(work))}
end
return parts
