-- use: queue blob
-- BLOB_PUT, in between: one piece.
--   ARGV   sha256  number, from 0  the piece
--   reply  1; 0: somebody else has put all of it meanwhile; 2: it must begin anew
local sha, number, piece = take(), take(), take()
local state = state_of(sha)
if state == 'whole' then
    return 0
elseif not state then
    return 2
end
redis.call('SET', head_of(sha) .. ':' .. number, piece)
begin_hour(sha)
return 1
