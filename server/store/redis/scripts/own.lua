-- What the owner of a job writes. Nothing of it happens when the token is not the job's: somebody else owns it then, or
-- it has ended. The token comes first in every kind of write, and in the same script.
-- ARGV: id, token, number of the write, number of the owner's write before it (0: none), what, …
-- Returns 1: it is written; 0: it is not the owner's to write; 2: the one before it is not written yet.
-- One thing is the last owner's when others have ended his job: to book the work that was under way (usage, pixel-steps).
local id, what = ARGV[1], ARGV[5]
local held = get(id, 'token', 'written')
if held[1] ~= ARGV[2] then
  local f = get(id, 'state', 'former', 'tenant', 'used')
  if what ~= 'usage' or f[2] ~= ARGV[2] or not is_final(f[1]) then return 0 end
  redis.call('HSET', key('job', id), 'usage', ARGV[6], 'used', ARGV[7])
  redis.call('HINCRBYFLOAT', key('use', f[3]), 'taken', tonumber(ARGV[7]) - tonumber(f[4] or '0'))
  forget_idle(f[3])
  return 1
end
local written = tonumber(held[2] or '0')
if tonumber(ARGV[3]) <= written then return 1 end  -- the answer was lost
if tonumber(ARGV[4]) ~= written then return 2 end
redis.call('HSET', key('job', id), 'written', ARGV[3])

if what == 'start' then  -- event
  local f = get(id, 'state', 'tenant', 'start')
  if f[1] == 'queued' then
    change_state(id, f[2], 'queued', 'running')
    if not f[3] then redis.call('HSET', key('job', id), 'start', now) end
  end
  redis.call('HSET', key('job', id), 'started', ARGV[6])
  append(id, 0, 'event', ARGV[6])

elseif what == 'progress' then  -- output, whether it has a preview, event, usage, pixel-steps that were used
  local sequence = append(id, 0, 'event', ARGV[8])
  -- The newest stays, and the newest with a preview, which may be the same one.
  local newest, preview = 'progress:' .. ARGV[6], 'preview:' .. ARGV[6]
  local old = redis.call('HMGET', key('job', id), newest, preview)
  if old[1] and old[1] ~= old[2] then redis.call('XDEL', key('events', id), old[1] .. '-0') end
  if ARGV[7] == '1' then
    if old[2] then redis.call('XDEL', key('events', id), old[2] .. '-0') end
    redis.call('HSET', key('job', id), preview, sequence)
  end
  redis.call('HSET', key('job', id), newest, sequence, 'usage', ARGV[9], 'used', ARGV[10])

elseif what == 'output' then  -- index, pieces, event, bytes
  if redis.call('HEXISTS', key('job', id), 'output:' .. ARGV[6]) == 1 then return 1 end  -- made again
  redis.call('SET', key('output', id, ARGV[6]), ARGV[9])
  redis.call('HSET', key('job', id), 'output:' .. ARGV[6], ARGV[8])
  append(id, tonumber(ARGV[7]), 'event', ARGV[8], 'output', ARGV[6], 'pieces', ARGV[7])

elseif what == 'checkpoint' then  -- step, usage, row, bytes, row, bytes, …
  redis.call('DEL', key('checkpoint', id))
  redis.call('HSET', key('checkpoint', id), 'step', ARGV[6], 'usage', ARGV[7])
  for i = 8, #ARGV, 2 do redis.call('HSET', key('checkpoint', id), 'row:' .. ARGV[i], ARGV[i + 1]) end

elseif what == 'complete' then  -- usage, pixel-steps that were used
  redis.call('HSET', key('job', id), 'usage', ARGV[6], 'used', ARGV[7])
  append(id, 0, 'completed', ARGV[6])
  finish(id, 'completed')

elseif what == 'fail' then  -- usage, pixel-steps that were used, status, reason for the dead-letter list or ''
  redis.call('HSET', key('job', id), 'usage', ARGV[6], 'used', ARGV[7])
  append(id, 0, 'failed', ARGV[8], 'usage', ARGV[6])
  finish(id, 'failed', 'error', ARGV[8])
  if ARGV[9] ~= '' then
    redis.call('LPUSH', key('dead'), cjson.encode({job = id, reason = ARGV[9], time = now}))
    redis.call('LTRIM', key('dead'), 0, 999)
  end

elseif what == 'give back' then  -- reason
  requeue(id, ARGV[6])

else  -- 'end': the owner knows already that it is not his
  return 0
end
return 1
