-- use: queue
-- The hashes of some jobs, for lists.
--   ARGV   how many; of each the number of its queue, and its id
--   reply  of each its fields; none: it is there no more
local reply = {}
for i = 1, take_number() do
    local q = queues[take()]
    reply[i] = redis.call('HGETALL', q.job .. take())
end
return reply
