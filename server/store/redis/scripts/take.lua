-- An owner takes in a job that he has claimed: from now on its loss counts.
-- ARGV: id, token
-- Returns what there is of it, fields with their values: the job, its pictures, its checkpoint; and the time. Nothing when
-- it is not his.
local id = ARGV[1]
if get(id, 'token')[1] ~= ARGV[2] then return false end
needs_no_memory()
redis.call('HSET', key('job', id), 'taken', 1)
local parts = {}
for _, part in ipairs({'job', 'pictures', 'checkpoint'}) do parts[#parts + 1] = redis.call('HGETALL', key(part, id)) end
parts[#parts + 1] = now
return parts
