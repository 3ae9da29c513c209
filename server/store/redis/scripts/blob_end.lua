-- Ends an upload that is whole: it becomes the blob, or is dropped, as its hash is another one.
-- ARGV: tenant, hash, size, serial, '1' when the hash is right, time that blobs are kept
-- Returns when the blob is forgotten; 0: it was dropped; nothing: there is no such upload any more.
local upload = ARGV[2] .. ':' .. ARGV[3] .. ':' .. ARGV[1]
if redis.call('HGET', key('upload', upload), 'serial') ~= ARGV[4] then return false end
local blob, size = ARGV[2] .. ':' .. ARGV[1], tonumber(ARGV[3])
if ARGV[5] ~= '1' then
  stop_upload(upload, size)
  return 0
end
count(ARGV[1], blob_counts(size), 1)
redis.call('RENAME', key('start', upload), key('blob', blob))
stop_upload(upload, size)
return forget_later('blobs', blob, tonumber(ARGV[6]))
