-- use: queue place ending
-- Ends jobs that CLAIM took and that may not start any more. Repeating it changes nothing.
--   ARGV   the number of items; items: queue (its number), id, token, how long it is kept (ms, 0 = for
--          ever), n, n names and values
--   reply  for each item 1, or 0: its claim is over
local function end_late()
    local q, id, token, keep_ms = queues[take_number()], take(), take(), take_number()
    local first, last = take_range(take_number())
    local job = q.j .. 'job:' .. id
    local is = redis.call('HMGET', job, 'token', 'status', 'type', 'priority', 'rev', 'key', 'tombstone')
    if is[1] ~= token or is[2] ~= 'running' then
        return is[1] == token and is[2] == 'dead' and 1 or 0
    end
    redis.call('HSET', job, 'status', 'dead', 'rev', (tonumber(is[5]) or 1) + 1, unpack(ARGV, first, last))
    redis.call('HDEL', job, 'host', 'begun', 'ask')
    if keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + keep_ms))
    end
    leave(q, id, 'running', is[3], is[4])
    enter(q, id, 'dead', is[3], is[4], keep_ms)
    finish_job(q, id, 'dead', keep_ms, is[6], 0, is[7])
    return 1
end

local reply = {}
for i = 1, take_number() do
    reply[i] = end_late()
end
finish()
return {reply}
