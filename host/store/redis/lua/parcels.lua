-- use: queue
-- FORWARD, first: the oldest children that wait in the outboxes. Changes nothing.
--   ARGV   how many at most; how many bytes about
--   reply  how many wait in all; for each of the oldest {queue, its entry, names and values}
local limit = take_number()
local bytes = take_number()
local waiting, found = 0, {}
for i = 1, #queues do
    local key = queues[i].s .. 'outbox'
    local n = redis.call('XLEN', key)
    waiting = waiting + n
    local entries = n > 0 and limit > #found and redis.call('XRANGE', key, '-', '+', 'COUNT', limit - #found) or {}
    for _, entry in ipairs(entries) do
        for k = 2, #entry[2], 2 do
            bytes = bytes - #entry[2][k]
        end
        if bytes >= 0 or #found == 0 then
            found[#found + 1] = {i, entry[1], entry[2]}
        end
    end
end
return {waiting, found}
