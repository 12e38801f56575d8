-- Hashes that come as one word (redis/rdb.h), for RESTORE.
local packed = false -- of some items the hash is one word

-- nil, or an error to answer: a permission may be taken away at any time, and what is refused in the middle of a script
-- leaves half of it. So this is asked before the first write. One that cannot be asked, or has no such command, is
-- another server than the one that the caller has looked at.
local function refuse_packed()
    if not packed then
        return nil
    end
    local known, may = pcall(redis.acl_check_cmd, 'RESTORE', queues[1].job, '0', '')
    return not (known and may) and redis.error_reply('NOPERM this user may not RESTORE any more') or nil
end
