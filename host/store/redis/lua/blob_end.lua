-- use: queue blob
-- BLOB_PUT, last: all of it was sent. Repeating it changes nothing.
--   ARGV   sha256  its name in the shared directory ('' = pieces)
--   reply  0: it is there, whole; 2: it must begin anew
local sha, file = take(), take()
local state, head = state_of(sha), head_of(sha)
if not state then
    return 2
elseif state == 'whole' then
    if file ~= '' and redis.call('HGET', head, 'file') ~= file and redis.call('ZREM', 'jh:blob:files', file) == 1 then
        redis.call('SADD', 'jh:blob:doomed', file)
    end
    redis.call('ZADD', 'jh:blob:idle', 'XX', text_of(now), sha)
    return 0
end
if file ~= '' then
    if redis.call('ZREM', 'jh:blob:files', file) == 0 then
        return 2 -- it took longer than an hour: the file is doomed
    end
    redis.call('HSET', head, 'file', file)
else
    local left = tonumber(redis.call('HGET', head, 'size'))
    for n = 0, pieces_of(left) - 1 do
        if redis.call('STRLEN', head .. ':' .. n) ~= math.min(left, PIECE) then
            return 2
        end
        left = left - PIECE
    end
end
redis.call('HDEL', head, 'partial')
begin_hour(sha)
return 0
