-- use: queue
-- FSCK: tokens that nobody can read go, if they still are what was found.
--   ARGV   how many, for each: the id, what stood there
--   reply  for each: 1 = it is gone, 0 = it is another by now
local reply = {}
for i = 1, take_number() do
    local id, before = take(), take()
    local same = redis.call('HGET', 'jh:tokens', id) == before
    reply[i] = same and redis.call('HDEL', 'jh:tokens', id) or 0
end
return reply
