-- use: queue blob
-- FSCK: contents, and how often they are named.
--   ARGV   mend (1, 0)  the stamp of an earlier answer ('' = none)  what the bytes of all should be  n, n times: sha256
--          how often the caller has seen it named
--   reply  {stamp, code, words, mended (1, 0), ...}; then for each {its bytes, code, words, mended, ...}
--
-- The caller counts while others hold and release; what looks wrong is counted again here. Bytes are judged when
-- the stamp says that nothing came or went.
local mend = take() == '1'

local function report(found, code, words, mends)
    found[#found + 1] = code
    found[#found + 1] = words
    found[#found + 1] = mends and mend and 1 or 0
    return mends and mend
end

local function count_refs(sha)
    local seen, n, cursor = {}, 0, '0'
    repeat
        local page = redis.call('ZSCAN', 'jh:blob:refs', cursor, 'MATCH', sha .. ' *', 'COUNT', 1000)
        cursor = page[1]
        for i = 1, #page[2], 2 do
            n = n + (seen[page[2][i]] and 0 or 1)
            seen[page[2][i]] = true
        end
    until cursor == '0'
    return n
end

local function check_pieces(found, sha, size)
    local left = tonumber(size)
    for n = 0, pieces_of(size) - 1 do
        local len = redis.call('STRLEN', head_of(sha) .. ':' .. n)
        if len ~= math.min(left, PIECE) then
            report(found, len == 0 and 'missing_blob' or 'blob_size', 'piece ' .. n .. ' of blob ' .. sha .. ' has ' .. len .. ' bytes')
            return
        end
        left = left - PIECE
    end
end

local function check_refs(found, sha, stored, counted)
    local idle = redis.call('ZSCORE', 'jh:blob:idle', sha)
    if stored ~= counted or (counted > 0) == (idle and true or false) then
        counted = count_refs(sha)
    end
    if stored ~= counted and report(found, 'blob_refs', 'blob ' .. sha .. ' is named ' .. counted .. ' times, not ' .. stored, true) then
        redis.call('HSET', head_of(sha), 'refs', counted)
        if counted == 0 then
            redis.call('HDEL', head_of(sha), 'refs')
        end
    end
    if counted > 0 and idle and report(found, 'blob_refs', 'blob ' .. sha .. ' is named and has an end all the same', true) then
        redis.call('ZREM', 'jh:blob:idle', sha)
    elseif counted == 0 and not idle and report(found, 'orphan_blob', 'nobody names blob ' .. sha, true) then
        begin_hour(sha)
    end
end

local function check(sha, counted)
    local head = redis.call('HMGET', head_of(sha), 'size', 'refs', 'partial', 'file')
    local found = {tonumber(head[1] or 0)}
    if not head[1] then
        if counted > 0 and count_refs(sha) > 0 then
            report(found, 'missing_blob', 'blob ' .. sha .. ' is named and not there')
        end
        return found
    end
    if not tonumber(head[1]) or tonumber(head[1]) < 0 then
        report(found, 'blob_size', 'the size of blob ' .. sha .. ' is none')
        return {0, unpack(found, 2)}
    end
    if not head[3] and not head[4] then
        check_pieces(found, sha, head[1])
    end
    check_refs(found, sha, tonumber(head[2] or 0), counted)
    return found
end

local stamp, sum = take(), take()
local reply = {{}}
for i = 1, take_number() do
    reply[1 + i] = check(take(), take_number())
end
local total = reply[1]
total[1] = table.concat({blob_bytes(), redis.call('ZCARD', 'jh:blob:idle'), redis.call('ZCARD', 'jh:blob:refs')}, ' ')
if stamp == total[1] and blob_bytes() ~= sum
    and report(total, 'budget', 'all blobs have ' .. sum .. ' bytes, not ' .. blob_bytes(), true) then
    redis.call('HSET', 'jh:bytes', 'blobs', sum)
end
return reply
