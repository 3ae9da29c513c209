-- What the owner of a job writes. Nothing of it happens when the token is not the job's: somebody else owns it then, or
-- it has ended. The token comes first in every kind of write, and in the same script.
-- ARGV: id, token, number of the write, number of the owner's write before it (0: none), what, …
-- Returns 1: it is written; 0: it is not the owner's to write; 2: the one before it is not written yet; of an end
-- {1, those that shared the run, and have ended with it…}; 3: the job has not ended, as others may be able to run it.
-- One thing is the last owner's when others have ended his job: to book the work that was under way (usage, pixel-steps).
local id, what = ARGV[1], ARGV[5]
needs_no_memory()
local held = get(id, 'token', 'written')
if held[1] ~= ARGV[2] then
  local f = get(id, 'state', 'former', 'tenant', 'used')
  if f[2] ~= ARGV[2] or not is_final(f[1]) then return 0 end
  if tonumber(held[2] or '0') >= tonumber(ARGV[3]) then return 1 end  -- the answer was lost
  if what ~= 'usage' then return 0 end
  redis.call('HSET', key('job', id), 'usage', ARGV[6], 'used', ARGV[7])
  redis.call('HINCRBYFLOAT', key('use', f[3]), 'taken', tonumber(ARGV[7]) - tonumber(f[4] or '0'))
  forget_idle(f[3])
  return 1
end
local written = tonumber(held[2] or '0')
if tonumber(ARGV[3]) <= written then return 1 end  -- the answer was lost
if tonumber(ARGV[4]) ~= written then return 2 end
redis.call('HSET', key('job', id), 'written', ARGV[3])

local function is_for_others()
  local f = get(id, 'owner', 'model', 'tenant', 'work', 'weight')
  if redis.call('HSET', key('job', id), 'unable:' .. f[1], 1) == 1 then redis.call('HINCRBY', key('job', id), 'tries', 1) end
  redis.call('HSETNX', key('job', id), 'unable_since', now)
  if not somebody_may_try(id, f[2]) then return false end
  -- The next claim counts it again.
  if redis.call('ZSCORE', key('shares'), f[3]) then redis.call('ZINCRBY', key('shares'), -f[4] / f[5], f[3]) end
  return true
end

local function ended(jobs)
  jobs[#jobs] = nil  -- its own
  return {1, unpack(jobs)}
end

if what == 'start' then  -- event
  for _, each in ipairs(sharers(id)) do start(each, ARGV[6]) end

elseif what == 'progress' then  -- output, whether it has a preview, event, usage, pixel-steps that were used
  redis.call('HSET', key('job', id), 'usage', ARGV[9], 'used', ARGV[10])
  for _, each in ipairs(sharers(id)) do add_progress(each, ARGV[6], ARGV[7] == '1', ARGV[8]) end

elseif what == 'output' then  -- index, pieces, event, bytes
  if redis.call('HEXISTS', key('job', id), 'output:' .. ARGV[6]) == 1 then return 1 end  -- made again
  redis.call('SET', key('output', id, ARGV[6]), ARGV[9])
  for _, each in ipairs(sharers(id)) do
    if each ~= id then copy_output(id, each, ARGV[6]) end
    add_output(each, ARGV[6], ARGV[7], ARGV[8])
  end

elseif what == 'checkpoint' then  -- step, usage, row, bytes, row, bytes, …
  redis.call('DEL', key('checkpoint', id))
  redis.call('HSET', key('checkpoint', id), 'step', ARGV[6], 'usage', ARGV[7])
  for i = 8, #ARGV, 2 do redis.call('HSET', key('checkpoint', id), 'row:' .. ARGV[i], ARGV[i + 1]) end

elseif what == 'complete' then  -- usage, pixel-steps that were used, usage of those that follow, whether all is there
  redis.call('HSET', key('job', id), 'used', ARGV[7])
  local jobs = sharers(id)
  for _, each in ipairs(jobs) do complete(each, each == id and ARGV[6] or ARGV[8], ARGV[9] == '1') end
  return ended(jobs)

elseif what == 'unable' and is_for_others() then
  requeue(id, 'UNABLE')
  return 3

-- usage, pixel-steps that were used, status, reason for the dead-letter list or ''
elseif what == 'fail' or what == 'unable' then
  redis.call('HSET', key('job', id), 'usage', ARGV[6], 'used', ARGV[7])
  local jobs = sharers(id)
  for _, each in ipairs(jobs) do
    append_end(each, 'failed', ARGV[8], 'usage', get(each, 'usage')[1] or '')
    finish(each, 'failed', false, 'error', ARGV[8])
  end
  if ARGV[9] ~= '' then
    local f = get(id, 'tenant', 'model', 'trace', 'lost')
    redis.call('LPUSH', key('dead'), cjson.encode({job = id, tenant = f[1], model = f[2], trace = f[3], lost = tonumber(f[4] or '0'),
                                                   reason = ARGV[9], time = now}))
    redis.call('LTRIM', key('dead'), 0, 999)
  end
  return ended(jobs)

elseif what == 'give back' then  -- reason
  requeue(id, ARGV[6])

else  -- 'end': the owner knows already that it is not his
  return 0
end
return 1
