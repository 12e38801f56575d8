-- use: queue
-- TOKEN_PUT: a new one, if its id is free.
--   jh:tokens   HASH   ids -> "<used> <revoked> <expires> " and the rest as host/store/tokens.c packs it; 0 = not
--   ARGV   whom news are from (as the caller's name in jh:wake; '' = nobody), the id, when it expires, the rest,
--          how many there may be
--   reply  1 = it is there, 0 = another is, 2 = no room
local from, id, expires, rest, most = take(), take(), take(), take(), take_number()
local there = redis.call('HGET', 'jh:tokens', id)
if there then
    local _, last = string.find(there, '^%d+ %d+ ')
    return last and string.sub(there, last + 1) == expires .. ' ' .. rest and 1 or 0
end

-- The one that ended first makes room.
local function ended_first()
    local all, first, id_of_first = redis.call('HGETALL', 'jh:tokens')
    for i = 1, #all, 2 do
        local revoked, ends = string.match(all[i + 1], '^%d+ (%d+) (%d+) ')
        revoked, ends = tonumber(revoked) or 1, tonumber(ends) or 0
        local at = revoked > 0 and revoked or ends
        if at > 0 and at <= now and (not first or at < first) then
            first, id_of_first = at, all[i]
        end
    end
    return id_of_first
end

if redis.call('HLEN', 'jh:tokens') >= most then
    local old = ended_first()
    if not old then
        return 2
    end
    redis.call('HDEL', 'jh:tokens', old)
end
redis.call('HSET', 'jh:tokens', id, '0 0 ' .. expires .. ' ' .. rest)
redis.call('PUBLISH', 'jh:wake', 't ' .. (from ~= '' and from or '-') .. ' ' .. id)
return 1
