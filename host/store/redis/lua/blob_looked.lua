-- use: queue blob
-- What became of references that blob_sweep answered: good ones are looked at again later, others released.
--   ARGV   how many; each: 1 or 0  sha256  "<queue> <id> <what>"
for _ = 1, take_number() do
    local good, sha, owner = take(), take(), take()
    if good == '1' then
        redis.call('ZADD', 'jh:blob:refs', 'XX', text_of(now + LOOK_AGAIN_MS), sha .. ' ' .. owner)
    else
        local look = redis.call('ZSCORE', 'jh:blob:refs', sha .. ' ' .. owner)
        if look and tonumber(look) <= now then -- else it was held again meanwhile
            release(sha, owner)
        end
    end
end
return 1
