-- Takes a part of a blob. Parts may come in any order, overlap and be repeated; without data it only asks.
-- ARGV: tenant, hash, size of the blob, offset, data, time that blobs and uploads are kept, parts that may wait, limits
--       (uploads, their bytes, all blobs, their bytes, bytes of one blob)
-- Returns what has become of it: {'there', size, expire} · {'none'}, to one who asks · {'part', bytes without a gap,
-- expire} · {'whole', bytes, expire, serial}: it is for the caller to look at the hash, and end the upload;
-- or why not, which changes nothing: {'differs', byte} · {'scattered', parts that wait, bytes without a gap} ·
-- {'uploads', how many} · {'upload_bytes', bytes} · {'full', blobs, their bytes, bytes of uploads}.
local tenant, hash, size, offset, data = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local ttl, upload_ttl, most_waiting = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local limits = {uploads = tonumber(ARGV[9]), upload_bytes = tonumber(ARGV[10]), all = tonumber(ARGV[11]),
                all_bytes = tonumber(ARGV[12])}
local least = {uploads = 1, upload_bytes = tonumber(ARGV[13]), all = 1, all_bytes = tonumber(ARGV[13])}

forget_expired()
local blob, upload = hash .. ':' .. tenant, hash .. ':' .. size .. ':' .. tenant
local expire = use_blob(blob, ttl)
if expire then return {'there', size_of(blob), expire} end
local serial = tonumber(redis.call('HGET', key('upload', upload), 'serial'))  -- nil: it begins
if data == '' and not serial then return {'none'} end

-- Which of its bytes are new, as {begin, end}, and whether the others are the same as before.
local start = redis.call('STRLEN', key('start', upload))
local finish = offset + #data
local waiting = {}
for _, place in ipairs(redis.call('HKEYS', key('waiting', upload))) do waiting[#waiting + 1] = tonumber(place) end
table.sort(waiting)

local function first_difference(place, known)  -- `known` lies at `place`, within the part
  local mine = string.sub(data, place - offset + 1, place - offset + #known)
  if mine == known then return nil end
  for i = 1, #known do
    if string.byte(mine, i) ~= string.byte(known, i) then return place + i - 1 end
  end
end

local gaps, at, fresh = {}, math.max(offset, start), 0
if offset < math.min(start, finish) then
  local differs = first_difference(offset, redis.call('GETRANGE', key('start', upload), offset, math.min(start, finish) - 1))
  if differs then return {'differs', differs} end
end
for _, place in ipairs(waiting) do
  local known = place < finish and redis.call('HGET', key('waiting', upload), place) or ''
  local from, to = math.max(place, offset), math.min(place + #known, finish)
  if from < to then
    local differs = first_difference(from, string.sub(known, from - place + 1, to - place))
    if differs then return {'differs', differs} end
    if at < from then gaps[#gaps + 1] = {at, from} end
    at = to
  end
end
if at < finish then gaps[#gaps + 1] = {at, finish} end
for _, gap in ipairs(gaps) do fresh = fresh + gap[2] - gap[1] end
local goes_on = gaps[1] and gaps[1][1] == start
if #waiting + #gaps - (goes_on and 1 or 0) > most_waiting then return {'scattered', #waiting, start} end

-- Room for that: who holds more than an equal share gives way, as store::EqualShares and store::BlobTable have it.
local need = {uploads = serial and 0 or 1, upload_bytes = fresh, all = serial and 0 or 1, all_bytes = fresh}
local held, total = {}, {}
for _, kind in ipairs(kinds) do held[kind], total[kind] = {}, 0 end
local fields = redis.call('HGETALL', key('room'))
for i = 1, #fields, 2 do
  local kind, owner = string.match(fields[i], '^([%l_]+):(.*)$')
  if kind then
    held[kind][owner] = tonumber(fields[i + 1])
    total[kind] = total[kind] + tonumber(fields[i + 1])
  end
end

local function lacks(kind) return total[kind] + need[kind] > limits[kind] end

local function amount(kind, owner) return held[kind][owner] or 0 end

local function share(kind)
  local tenants = held[kind][tenant] and 0 or 1
  for _ in pairs(held[kind]) do tenants = tenants + 1 end
  return math.floor(limits[kind] / tenants)
end

local function gives_way(kind, owner)
  if not lacks(kind) then return false end
  if owner == tenant then return true end
  local equal = share(kind)
  return amount(kind, owner) > equal and amount(kind, tenant) + need[kind] <= math.max(equal, least[kind])
end

local function stops_work(kind, owner)
  local kept = math.max(share(kind), least[kind])
  return lacks(kind) and amount(kind, owner) > kept and amount(kind, tenant) + need[kind] <= kept
end

local function without(owner, counts)
  for kind, less in pairs(counts) do
    total[kind] = total[kind] - less
    local left = amount(kind, owner) - less
    held[kind][owner] = left > 0 and left or nil
  end
end

local stopped, forgotten = {}, {}
local youngest  -- uploads of others, the youngest first; read when they are needed
local function stop_uploads(one, other)
  if not youngest then
    youngest = {}
    for _, each in ipairs(redis.call('ZRANGE', key('uploads'), 0, -1)) do
      local f = redis.call('HMGET', key('upload', each), 'serial', 'bytes')
      youngest[#youngest + 1] = {id = each, owner = tenant_of_upload(each), serial = tonumber(f[1]), bytes = tonumber(f[2])}
    end
    table.sort(youngest, function(a, b) return a.serial > b.serial end)
  end
  for _, each in ipairs(youngest) do
    if not lacks(one) and not lacks(other) then return end
    local began_later = serial and each.serial > serial
    if each.owner ~= tenant and not each.stopped and
       (began_later or stops_work(one, each.owner) or stops_work(other, each.owner)) then
      each.stopped = true
      without(each.owner, upload_counts(each.bytes))
      stopped[#stopped + 1] = each
    end
  end
end

if lacks('uploads') or lacks('upload_bytes') then stop_uploads('uploads', 'upload_bytes') end
if lacks('uploads') then return {'uploads', redis.call('ZCARD', key('uploads'))} end
if lacks('upload_bytes') then return {'upload_bytes', total.upload_bytes} end
if lacks('all') or lacks('all_bytes') then
  for _, each in ipairs(redis.call('ZRANGE', key('blobs'), 0, -1)) do
    if not lacks('all') and not lacks('all_bytes') then break end
    local owner, bytes = tenant_of_blob(each), size_of(each)
    if gives_way('all', owner) or gives_way('all_bytes', owner) then
      without(owner, blob_counts(bytes))
      forgotten[#forgotten + 1] = {id = each, bytes = bytes}
    end
  end
  stop_uploads('all', 'all_bytes')
end
if lacks('all') or lacks('all_bytes') then
  return {'full', total.all - total.uploads, total.all_bytes - total.upload_bytes, total.upload_bytes}
end
for _, each in ipairs(stopped) do stop_upload(each.id, each.bytes) end
for _, each in ipairs(forgotten) do forget_blob(each.id, each.bytes) end

-- Takes what is new.
count(tenant, need, 1)
if not serial then
  serial = redis.call('HINCRBY', key('room'), 'serial', 1)
  redis.call('HSET', key('upload', upload), 'serial', serial, 'bytes', 0)
end
redis.call('HINCRBY', key('upload', upload), 'bytes', fresh)
for _, gap in ipairs(gaps) do
  local part = string.sub(data, gap[1] - offset + 1, gap[2] - offset)
  if gap[1] == start then
    start = redis.call('APPEND', key('start', upload), part)
  else
    redis.call('HSET', key('waiting', upload), gap[1], part)
    waiting[#waiting + 1] = gap[1]
  end
end
table.sort(waiting)
for _, place in ipairs(waiting) do
  if place ~= start then break end
  start = redis.call('APPEND', key('start', upload), redis.call('HGET', key('waiting', upload), place))
  redis.call('HDEL', key('waiting', upload), place)
end
expire = forget_later('uploads', upload, upload_ttl)
if start < size then return {'part', start, expire} end
return {'whole', start, expire, serial}
