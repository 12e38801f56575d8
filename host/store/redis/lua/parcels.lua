-- use: queue
-- FORWARD, first: the oldest children that wait in the outboxes. Changes nothing.
--   ARGV   how many at most; how many bytes about
--   reply  how many wait in all; for each of the oldest {queue, its entry, names and values}
local limit = take_number()
local bytes = take_number()
local waiting, found = 0, {}
local function find(i, key)
    local entry = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    while entry do
        for k = 2, #entry[2], 2 do
            bytes = bytes - #entry[2][k]
        end
        if bytes < 0 and #found > 0 then
            return
        end
        found[#found + 1] = {i, entry[1], entry[2]}
        -- one by one: they may be large, and reading takes its time even if it is for nothing
        entry = limit > #found and bytes > 0 and redis.call('XRANGE', key, '(' .. entry[1], '+', 'COUNT', 1)[1]
    end
end

for i = 1, #queues do
    local key = queues[i].s .. 'outbox'
    local n = redis.call('XLEN', key)
    waiting = waiting + n
    if n > 0 and limit > #found and bytes > 0 then
        find(i, key)
    end
end
return {waiting, found}
