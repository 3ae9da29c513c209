-- What waits, for a replica that tells of it: each tells an equal part, so that the sum over all is right.
-- ARGV: owner
-- Returns whether the line's next move will be announced (1 or 0), and for each model with a line: its name, jobs, work; of
-- these the owner's part.
local parts = {announces_moves() and 1 or 0}
local before = redis.call('ZRANK', key('names'), ARGV[1])
if not before then return parts end
local replicas = redis.call('ZCARD', key('names'))

local function part(whole)
  return math.floor(whole / replicas) + (before < whole % replicas and 1 or 0)
end

for _, model in ipairs(redis.call('SMEMBERS', key('models'))) do
  local jobs = 0
  for _, waiting in ipairs(redis.call('HVALS', key('waiting', model))) do jobs = jobs + waiting end
  local work = tonumber(redis.call('HGET', key('totals'), 'waiting:' .. model))
  parts[#parts + 1] = {model, part(jobs), part(math.floor(work))}
end
return parts
