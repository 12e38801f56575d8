-- Content and who names it.
--
--   jh:blob:<sha256>        HASH  size; refs: how often it is named; partial: not all of it is there; file: its
--                                 name in the directory that hosts share, instead of pieces
--   jh:blob:<sha256>:<n>    STRING  its n-th piece, from 0
--   jh:blob:idle            ZSET  sha256 -> since when nobody names it
--   jh:blob:refs            ZSET  "<sha256> <queue> <id> <what>" -> when to look whether it is still named so
--   jh:blob:files           ZSET  file in the shared directory that no blob has, or not yet -> since when
--   jh:blob:doomed          SET   files in the shared directory that are to be deleted
--   jh:bytes                HASH  blobs: the sizes of all of them, partial ones included
local PIECE = 262144
local LOOK_AGAIN_MS = 21600000 -- 6 h: a reference that was held and never committed is found after that

local function head_of(sha)
    return 'jh:blob:' .. sha
end

local function begin_hour(sha)
    redis.call('ZADD', 'jh:blob:idle', text_of(now), sha)
end

local function blob_bytes()
    return redis.call('HGET', 'jh:bytes', 'blobs') or '0'
end

-- 'whole', 'partial', or nil when there is none
local function state_of(sha)
    local head = redis.call('HMGET', head_of(sha), 'size', 'partial')
    if not head[1] then
        return nil
    end
    return head[2] and 'partial' or 'whole'
end

local function pieces_of(size)
    return math.ceil(tonumber(size) / PIECE)
end

-- True unless it is not there. Holding it again changes nothing.
local function hold(sha, owner)
    if state_of(sha) ~= 'whole' then
        return false
    end
    if redis.call('ZADD', 'jh:blob:refs', text_of(now + LOOK_AGAIN_MS), sha .. ' ' .. owner) == 1 then
        redis.call('HINCRBY', head_of(sha), 'refs', 1)
        redis.call('ZREM', 'jh:blob:idle', sha)
    end
    return true
end

local function release(sha, owner)
    if redis.call('ZREM', 'jh:blob:refs', sha .. ' ' .. owner) == 0 or not state_of(sha) then
        return
    end
    if redis.call('HINCRBY', head_of(sha), 'refs', -1) <= 0 then
        redis.call('HDEL', head_of(sha), 'refs')
        begin_hour(sha)
    end
end

-- One that nobody names: all of it. How many keys that were.
local function drop(sha)
    local head = redis.call('HMGET', head_of(sha), 'size', 'refs', 'file')
    redis.call('ZREM', 'jh:blob:idle', sha)
    if not head[1] or head[2] then
        return 0
    end
    local pieces = pieces_of(head[1])
    for n = 0, pieces - 1 do
        redis.call('UNLINK', head_of(sha) .. ':' .. n)
    end
    if head[3] then
        redis.call('SADD', 'jh:blob:doomed', head[3])
    end
    redis.call('DEL', head_of(sha))
    if head[1] ~= '0' then
        redis.call('HINCRBY', 'jh:bytes', 'blobs', '-' .. head[1])
    end
    return pieces
end
