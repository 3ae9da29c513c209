-- Tells jobs that wait where they stand, when that has changed.
-- ARGV: id, id, …
needs_no_memory()
for _, id in ipairs(ARGV) do
  local f = get(id, 'state', 'model', 'tenant', 'weight', 'told', 'queued', 'follows')
  local waiting = f[7] or id
  if f[1] == 'queued' and redis.call('ZSCORE', line_key(f[2], f[3]), waiting) then
    local place = position(waiting, f[2], f[3], tonumber(f[4]))
    if tostring(place) ~= f[5] then
      -- The first stays, and the newest of those after it.
      if f[6] then redis.call('XDEL', key('events', id), f[6] .. '-0') end
      local sequence = append_queued(id, place)
      redis.call('HSET', key('job', id), 'told', place, 'queued', sequence)
    end
  end
end
return 1
