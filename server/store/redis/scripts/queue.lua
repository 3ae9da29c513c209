-- What waits, for a replica that tells of it: of a model, each that could run it tells an equal part, so that the sum
-- over all is right.
-- ARGV: owner
-- Returns whether the line's next move will be announced (1 or 0), and for each model with a line: its name, jobs, work; of
-- these the owner's part.
local parts = {announces_moves() and 1 or 0}

local function part(whole, before, replicas)
  return math.floor(whole / replicas) + (before < whole % replicas and 1 or 0)
end

for _, model in ipairs(redis.call('SMEMBERS', key('models'))) do
  local before = redis.call('ZRANK', key('names', model), ARGV[1])
  if before then
    local replicas = redis.call('ZCARD', key('names', model))
    local jobs = 0
    for _, waiting in ipairs(redis.call('HVALS', key('waiting', model))) do jobs = jobs + waiting end
    local work = math.floor(tonumber(redis.call('HGET', key('totals'), 'waiting:' .. model)))
    parts[#parts + 1] = {model, part(jobs, before, replicas), part(work, before, replicas)}
  end
end
return parts
