-- Admits a job and puts it into its line, or says why not.
-- ARGV: id, tenant, model, microseconds by which its priority brings it forward, work, bytes, weight, outputs, timeout, keep, expire, request id, fingerprint,
--       trace, request, limits of the tenant (jobs, waiting, work a minute), limits of all (waiting, bytes),
--       bound of what is kept of jobs that have ended, run that it may share ('' when none), usage of one that shares a run, who accepts it,
--       hash of a picture, its bytes, hash, bytes, …
local id, tenant, model = ARGV[1], ARGV[2], ARGV[3]
local work, bytes, weight = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local request_id, fingerprint = ARGV[12], ARGV[13]
local max_jobs, max_waiting, per_minute = tonumber(ARGV[16]), tonumber(ARGV[17]), tonumber(ARGV[18])
local fleet_waiting, fleet_bytes = tonumber(ARGV[19]), tonumber(ARGV[20])
local run, shared_usage = ARGV[22], ARGV[23]
local place = clock[1] * 1000000 + clock[2] - tonumber(ARGV[4])  -- several come in a millisecond

if request_id ~= '' then
  local known = redis.call('GET', key('request', tenant, request_id))
  if known and redis.call('EXISTS', key('job', known)) == 1 then
    local same = redis.call('HGET', key('job', known), 'fingerprint') == fingerprint
    return {same and 'known' or 'reused', known}
  end
end
if redis.call('EXISTS', key('job', id)) == 1 then  -- its own, when the answer to its making was lost
  local f = get(id, 'tenant', 'request')
  return {f[1] == tenant and f[2] == ARGV[15] and 'created' or 'taken', id}
end

local run_work = work
local leader = run ~= '' and redis.call('GET', key('run', tenant, run))
if leader and redis.call('EXISTS', key('job', leader)) == 0 then leader = nil end
if leader and redis.call('SCARD', key('followers', leader)) >= MOST_FOLLOWERS then leader, run = nil, '' end
if leader and not has_room_for_copies(leader, tonumber(ARGV[21])) then leader = nil end  -- and leads a run of its own
if leader then work = 0 end

local totals = redis.call('HMGET', key('totals'), 'queued', 'bytes')
if tonumber(totals[1] or '0') >= fleet_waiting then return {'full', until_room(), totals[1]} end
if tonumber(totals[2] or '0') + bytes > fleet_bytes then return {'full of bytes', until_room(), totals[2]} end

local use = redis.call('HMGET', key('use', tenant), 'queued', 'running')
local queued, running = tonumber(use[1] or '0'), tonumber(use[2] or '0')
if max_jobs > 0 and queued + running >= max_jobs then return {'jobs', until_room()} end
if max_waiting > 0 and queued >= max_waiting then return {'waiting', until_room()} end
local taken = refill(tenant, per_minute)
local allowed = math.max(0, per_minute - work)
if per_minute > 0 and taken > allowed then
  return {'work', tostring((taken - allowed) / per_minute * 60000)}
end

local number = redis.call('HINCRBY', key('totals'), 'number', 1)
redis.call('HSET', key('job', id), 'number', number, 'tenant', tenant, 'model', model, 'place', place, 'work', work,
           'bytes', bytes, 'weight', weight, 'outputs', ARGV[8], 'create', now, 'deadline', now + tonumber(ARGV[9]),
           'keep', ARGV[10], 'expire', ARGV[11], 'request_id', request_id, 'fingerprint', fingerprint, 'trace', ARGV[14],
           'request', ARGV[15], 'accepted_by', ARGV[24], 'run', run, 'run_work', run_work, 'state', 'queued', 'sequence', 0)
local longest = tonumber(ARGV[9]) + tonumber(ARGV[10]) + 1000  -- that the job can be there
if request_id ~= '' then redis.call('SET', key('request', tenant, request_id), id, 'PX', longest) end
for i = 25, #ARGV, 2 do redis.call('HSET', key('pictures', id), ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', key('jobs', tenant), number, id)
if redis.call('PTTL', key('jobs', tenant)) < longest then redis.call('PEXPIRE', key('jobs', tenant), longest) end
redis.call('ZADD', key('deadlines'), now + tonumber(ARGV[9]), id)
redis.call('HSET', key('totals'), 'job_bytes', ARGV[21])
redis.call('HINCRBY', key('totals'), 'queued', 1)
redis.call('HINCRBY', key('totals'), 'bytes', bytes)
redis.call('HINCRBY', key('use', tenant), 'queued', 1)
redis.call('HSET', key('use', tenant), 'weight', weight)
redis.call('PERSIST', key('use', tenant))
if per_minute > 0 then redis.call('HINCRBYFLOAT', key('use', tenant), 'taken', work) end
if leader then
  local state = get(leader, 'state')[1]
  if state == 'queued' then bring_forward(leader, model, tenant, place) end
  append_queued(id, state == 'queued' and position(leader, model, tenant, weight) or 0)
  follow(id, leader)
  if state == 'completed' then complete(id, shared_usage) end
  return {'shared', id}
end
if run ~= '' then redis.call('SET', key('run', tenant, run), id) end
join_line(id, model, tenant, place, work)
local before = position(id, model, tenant, weight)
redis.call('HSET', key('job', id), 'told', before)
append_queued(id, before)
announce_work(id, model)
return {'created', id}
