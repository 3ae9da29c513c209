-- What the owner of a job writes. Nothing of it happens when the token is not the job's: somebody else owns it then, or
-- it has ended. The token comes first in every kind of write, and in the same script.
-- ARGV: id, token, what, …
local id, what = ARGV[1], ARGV[3]
if redis.call('HGET', key('job', id), 'token') ~= ARGV[2] then return 0 end

-- Of events that make earlier ones worthless, those go: the job's field `name` has the number of the one that stays.
local function replace(name, sequence)
  local old = redis.call('HGET', key('job', id), name)
  if old then redis.call('XDEL', key('events', id), old .. '-0') end
  redis.call('HSET', key('job', id), name, sequence)
end

if what == 'start' then  -- event
  local f = get(id, 'state', 'model', 'tenant', 'work', 'start')
  if f[1] == 'queued' then
    redis.call('HINCRBY', key('totals'), 'queued', -1)
    redis.call('HINCRBY', key('totals'), 'running', 1)
    redis.call('HINCRBY', key('use', f[3]), 'queued', -1)
    redis.call('HINCRBY', key('use', f[3]), 'running', 1)
    redis.call('HSET', key('job', id), 'state', 'running')
    if not f[5] then redis.call('HSET', key('job', id), 'start', now) end
  end
  redis.call('HSET', key('job', id), 'started', ARGV[4])
  append(id, 0, 'event', ARGV[4])

elseif what == 'progress' then  -- output, whether it has a preview, event
  local sequence = append(id, 0, 'event', ARGV[6])
  -- The newest stays, and the newest with a preview, which may be the same one.
  local newest, preview = 'progress:' .. ARGV[4], 'preview:' .. ARGV[4]
  local old = redis.call('HMGET', key('job', id), newest, preview)
  if ARGV[5] == '1' then
    replace(preview, sequence)
    if old[1] and old[1] ~= old[2] then redis.call('XDEL', key('events', id), old[1] .. '-0') end
  elseif old[1] and old[1] ~= old[2] then
    redis.call('XDEL', key('events', id), old[1] .. '-0')
  end
  redis.call('HSET', key('job', id), newest, sequence)

elseif what == 'output' then  -- index, pieces, event, bytes
  if redis.call('HEXISTS', key('job', id), 'output:' .. ARGV[4]) == 1 then return 1 end  -- made again
  redis.call('SET', key('output', id, ARGV[4]), ARGV[7])
  redis.call('HSET', key('job', id), 'output:' .. ARGV[4], ARGV[6])
  append(id, tonumber(ARGV[5]), 'event', ARGV[6], 'output', ARGV[4], 'pieces', ARGV[5])

elseif what == 'usage' then  -- usage, pixel-steps that were used
  redis.call('HSET', key('job', id), 'usage', ARGV[4], 'used', ARGV[5])

elseif what == 'checkpoint' then  -- step, usage, row, bytes, row, bytes, …
  redis.call('DEL', key('checkpoint', id))
  redis.call('HSET', key('checkpoint', id), 'step', ARGV[4], 'usage', ARGV[5])
  for i = 6, #ARGV, 2 do redis.call('HSET', key('checkpoint', id), 'row:' .. ARGV[i], ARGV[i + 1]) end

elseif what == 'complete' then  -- usage, pixel-steps that were used
  redis.call('HSET', key('job', id), 'usage', ARGV[4], 'used', ARGV[5])
  append(id, 0, 'completed', ARGV[4])
  finish(id, 'completed')

elseif what == 'fail' then  -- usage, pixel-steps that were used, status, reason for the dead-letter list or ''
  redis.call('HSET', key('job', id), 'usage', ARGV[4], 'used', ARGV[5])
  append(id, 0, 'failed', ARGV[6], 'usage', ARGV[4])
  finish(id, 'failed', 'error', ARGV[6])
  if ARGV[7] ~= '' then
    redis.call('LPUSH', key('dead'), cjson.encode({job = id, reason = ARGV[7], time = now}))
    redis.call('LTRIM', key('dead'), 0, 999)
  end

elseif what == 'give back' then  -- reason
  requeue(id, ARGV[4])
end
return 1
