-- Whose leases end next.
local LOOKED_AT = 20

-- The end of the first lease of a job of a queue that `host` does not have (hex nonce; '' = any), or nil.
-- If it has the first LOOKED_AT, the last of these: who then looks again is a little early.
local function next_lease(q, host)
    local is = redis.call('ZRANGE', q.s .. 'processing', 0, LOOKED_AT - 1, 'WITHSCORES')
    for i = 1, #is, 2 do
        if redis.call('HGET', q.j .. 'job:' .. is[i], 'host') ~= host then
            return tonumber(is[i + 1])
        end
    end
    return #is == LOOKED_AT * 2 and tonumber(is[#is]) or nil
end
