-- What the scripts about large inputs begin with, behind common.lua. Keys, behind the prefix; a blob is known as
-- SHA256:TENANT, one that is still arriving as SHA256:SIZE:TENANT, since two senders may announce different sizes:
--
--   blobs             zset    blobs that are there, by the time when they are forgotten: microseconds, so that no two are
--                             equal and the order is that of their last use
--   uploads           zset    those that are still arriving, likewise
--   blob:BLOB         string  its bytes
--   upload:UPLOAD     hash    serial, which rises with each upload, and bytes that have come
--   start:UPLOAD      string  the bytes that have come without a gap
--   waiting:UPLOAD    hash    parts that came before those before them, by their offsets; they do not overlap
--   room              hash    what each tenant holds: KIND:TENANT; and the last serial
--
-- Counts come first where something comes: they are what a Redis without memory refuses; and last where something goes.

-- Kinds of what is limited: uploads and their bytes; all blobs, uploads among them, and their bytes.
local kinds = {'uploads', 'upload_bytes', 'all', 'all_bytes'}

local function upload_counts(bytes)
  return {uploads = 1, upload_bytes = bytes, all = 1, all_bytes = bytes}
end

local function blob_counts(bytes)
  return {all = 1, all_bytes = bytes}
end

local function count(tenant, counts, sign)
  for kind, amount in pairs(counts) do
    local field = kind .. ':' .. tenant
    if amount ~= 0 and redis.call('HINCRBY', key('room'), field, sign * amount) == 0 then
      redis.call('HDEL', key('room'), field)
    end
  end
end

local function tenant_of_blob(blob)
  return string.sub(blob, 66)
end

local function tenant_of_upload(upload)
  return string.match(upload, '^%x+:%d+:(.*)$')
end

local function forget_blob(blob, size)
  redis.call('ZREM', key('blobs'), blob)
  redis.call('DEL', key('blob', blob))
  count(tenant_of_blob(blob), blob_counts(size), -1)
end

local function stop_upload(upload, bytes)
  redis.call('ZREM', key('uploads'), upload)
  redis.call('DEL', key('upload', upload), key('start', upload), key('waiting', upload))
  count(tenant_of_upload(upload), upload_counts(bytes), -1)
end

local function size_of(blob)
  return redis.call('STRLEN', key('blob', blob))
end

local function bytes_of(upload)
  return tonumber(redis.call('HGET', key('upload', upload), 'bytes') or '0')  -- somebody has deleted its key
end

local now_us = clock[1] * 1000000 + clock[2]

local function forget_expired()
  for _, blob in ipairs(redis.call('ZRANGEBYSCORE', key('blobs'), '-inf', now_us)) do
    forget_blob(blob, size_of(blob))
  end
  for _, upload in ipairs(redis.call('ZRANGEBYSCORE', key('uploads'), '-inf', now_us)) do
    stop_upload(upload, bytes_of(upload))
  end
end

-- Gives when that will be.
local function forget_later(list, entry, ttl)
  redis.call('ZADD', key(list), now_us + ttl * 1000, entry)
  return now + ttl
end

-- It is used now. Gives when it is forgotten; nothing when it is not there.
local function use_blob(blob, ttl)
  if not redis.call('ZSCORE', key('blobs'), blob) then return nil end
  return forget_later('blobs', blob, ttl)
end
