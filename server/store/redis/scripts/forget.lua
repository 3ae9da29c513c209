-- Deletes a job that has ended.
-- ARGV: id
-- Returns what it was: '' when there is none, its state otherwise; it is deleted when that is final.
local state = get(ARGV[1], 'state')[1]
if not state then return '' end
if is_final(state) then forget(ARGV[1]) end
return state
