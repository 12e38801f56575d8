-- use: queue blob
-- BLOB_PUT, first: is the content there, and if not, is there room for it? Its bytes count from here on; a put
-- that never ends is swept like any blob that nobody names.
--   ARGV   sha256  size  the budget for all blobs ('' = none)  its name in the shared directory ('' = pieces)
--   reply  {what to do, bytes of all blobs}: 0 nothing, it is there; 1 send it; 2 the budget is used up
local sha, size, budget, file = take(), take(), take_number(), take()
local state = state_of(sha)
if state == 'whole' then
    redis.call('ZADD', 'jh:blob:idle', 'XX', text_of(now), sha)
    return {0, blob_bytes()}
end
if not state then
    if budget and tonumber(blob_bytes()) + tonumber(size) > budget then
        return {2, blob_bytes()}
    end
    redis.call('HSET', head_of(sha), 'size', size, 'partial', '1')
    redis.call('HINCRBY', 'jh:bytes', 'blobs', size)
end
begin_hour(sha)
if file ~= '' then
    redis.call('ZADD', 'jh:blob:files', text_of(now), file)
end
return {1, blob_bytes()}
