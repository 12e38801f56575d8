-- use: queue place unwait events
-- SWEEP, of events that were published before a time.
--   ARGV   how many at most; that time
--   reply  how many went, 1 = there are more
local limit, before, removed = take_number(), take_number(), 0
while removed < limit do
    local name = redis.call('ZRANGEBYSCORE', 'jh:events', '-inf', text_of(before), 'LIMIT', 0, 1)[1]
    if not name then
        break
    end
    while removed < limit and drop_oldest(name, before) do
        removed = removed + 1
    end
    note_oldest(name)
end
return {removed, removed >= limit and 1 or 0}
