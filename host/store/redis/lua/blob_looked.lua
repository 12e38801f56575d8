-- use: queue blob
-- What became of references that blob_sweep answered: good ones are looked at again later, others released.
--   ARGV   how many; each: 1 or 0  the reference
for _ = 1, take_number() do
    local good, ref = take(), take()
    if good == '1' then
        redis.call('ZADD', 'jh:blob:refs', 'XX', text_of(now + LOOK_AGAIN_MS), ref)
    else
        local look = redis.call('ZSCORE', 'jh:blob:refs', ref)
        if look and tonumber(look) <= now then -- else it was held again meanwhile
            release(string.sub(ref, 1, 64), string.sub(ref, 66))
        end
    end
end
return 1
