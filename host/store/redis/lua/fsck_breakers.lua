-- use: queue
-- FSCK: breakers that are wrong, mended if they still are what was found.
--   ARGV   whom news are from (as in breaker.lua), how many, for each: the name, its state, the new one ('' = closed)
--   reply  for each: 1 = it is mended, 0 = it is another by now
local from, reply = take(), {}
for i = 1, take_number() do
    local name, before, after = take(), take(), take()
    local same = redis.call('HGET', 'jh:breakers', name) == before
    if same and after == '' then
        redis.call('HDEL', 'jh:breakers', name)
    elseif same then
        redis.call('HSET', 'jh:breakers', name, after)
    end
    if same then
        redis.call('PUBLISH', 'jh:wake', 'b ' .. (from ~= '' and from or '-') .. ' ' .. name)
    end
    reply[i] = same and 1 or 0
end
return reply
