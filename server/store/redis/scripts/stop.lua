-- Ends a job from outside: a caller cancels it, or its deadline has passed. Its owner is told.
-- ARGV: id, 'cancel' or 'deadline', reason of the cancel, status
-- Returns 0 when there is no such job, or it had ended, or its deadline has not passed.
local id, why = ARGV[1], ARGV[2]
local f = get(id, 'state', 'deadline', 'owner', 'usage')
if not f[1] or is_final(f[1]) then return 0 end
if why == 'deadline' and tonumber(f[2]) > now then return 0 end
needs_no_memory()
local usage = f[4] or ''
if why == 'cancel' then
  append_end(id, 'cancelled', ARGV[3], 'usage', usage)
  finish(id, 'cancelled', false, 'error', ARGV[4])
else
  append_end(id, 'failed', ARGV[4], 'usage', usage)
  finish(id, 'failed', false, 'error', ARGV[4])
end
if f[3] then redis.call('PUBLISH', key('ended', f[3]), id) end
announce_move()
return 1
