-- use: queue blob
-- Blobs that nobody has named for an hour go, and files that no blob has. What others must do is answered.
--   ARGV   how many  how many files  how many references
--   reply  {removed, is there more (0, 1), bytes of all blobs, their sha256, files to delete (SREM jh:blob:doomed
--          when they are), references to look at (blob_looked when that is done)}
local IDLE_MS = 3600000
local PIECES_MAX = 4096 -- keys that one call deletes
local limit, files_limit, refs_limit = take_number(), take_number(), take_number()
local before = text_of(now - IDLE_MS)

local idle = redis.call('ZRANGEBYSCORE', 'jh:blob:idle', '-inf', before, 'LIMIT', 0, limit)
local removed, pieces = {}, 0
for i = 1, #idle do
    if pieces < PIECES_MAX then
        pieces = pieces + drop(idle[i])
        removed[i] = idle[i]
    end
end
local files = redis.call('ZRANGEBYSCORE', 'jh:blob:files', '-inf', before, 'LIMIT', 0, files_limit)
for i = 1, #files do
    redis.call('ZREM', 'jh:blob:files', files[i])
    redis.call('SADD', 'jh:blob:doomed', files[i])
end
local more = redis.call('ZCOUNT', 'jh:blob:idle', '-inf', before) > 0
return {#removed, more and 1 or 0, blob_bytes(), removed,
        files_limit > 0 and redis.call('SRANDMEMBER', 'jh:blob:doomed', files_limit) or {},
        redis.call('ZRANGEBYSCORE', 'jh:blob:refs', '-inf', text_of(now), 'LIMIT', 0, refs_limit)}
