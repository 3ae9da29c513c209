-- A blob is used.
-- ARGV: tenant, hash, time that blobs are kept
-- Returns 1 when it is there, and 0 otherwise.
forget_expired()
return use_blob(ARGV[2] .. ':' .. ARGV[1], tonumber(ARGV[3])) and 1 or 0
