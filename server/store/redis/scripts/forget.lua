-- Deletes a job that has ended.
-- ARGV: id
-- Returns what it was: '' when there is none, its state otherwise; it is deleted when that is final.
local id = ARGV[1]
local f = get(id, 'state', 'tenant', 'outputs', 'request_id', 'run')
if not f[1] then return '' end
if not is_final(f[1]) then return f[1] end
redis.call('PUBLISH', key('told', id), '')
redis.call('ZREM', key('jobs', f[2]), id)
if f[4] ~= '' then redis.call('DEL', key('request', f[2], f[4])) end
local run = key('run', f[2], f[5] or '')
if redis.call('GET', run) == id then redis.call('DEL', run) end
redis.call('DEL', key('job', id), key('events', id))
for i = 0, tonumber(f[3]) - 1 do redis.call('DEL', key('output', id, i)) end
return f[1]
