-- Whose leases end next.
local LOOKED_AT = 20

-- The end of the first lease of a job of a queue that `host` (hex nonce; '' = none) does not have, or nil. `known`:
-- those that it knows to have, nil = all: a claim whose answer was lost is one that it does not know of.
-- If it has the first LOOKED_AT, the last of these: who then looks again is a little early.
local function next_lease(q, host, known)
    local is = redis.call('ZRANGE', q.s .. 'processing', 0, LOOKED_AT - 1, 'WITHSCORES')
    for i = 1, #is, 2 do
        local id = is[i]
        local _, its_host = read_claim(redis.call('HGET', q.job .. id, 'claim'))
        if (known and not known[id]) or its_host ~= host then
            return tonumber(is[i + 1])
        end
    end
    return #is == LOOKED_AT * 2 and tonumber(is[#is]) or nil
end
