-- use: queue claim place (share users) ending schedule flow
-- Ends jobs that CLAIM took and that may not start any more. Repeating it changes nothing.
--   ARGV   the number of items; items: queue (its number), id, claim as CLAIM left it, how long it is kept (ms, 0 = for
--          ever), n, n names and values
--   reply  for each item 1, or 0: its claim is over
local function end_late()
    local q, id, claim, keep_ms = queues[take()], take(), take(), take_number()
    local first, last = take_range(take_number())
    local job = q.job .. id
    local is = redis.call('HMGET', job, 'claim', 'type', 'priority', 'key', 'tombstone', 'schedule', 'flow', 'parent', 'flowQueue',
                          'opened', 'ask')
    if is[1] ~= claim then
        return is[1] == claim .. ' over' and 1 or 0
    end
    redis.call('HSET', job, 'status', 'dead', 'claim', claim .. ' over', unpack(ARGV, first, last))
    redis.call('HDEL', job, 'begun', 'ask')
    if keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + keep_ms))
    end
    leave(q, id, 'running', is[2], is[3])
    enter(q, id, 'dead', is[2], is[3], keep_ms)
    finish_job(q, id, 'dead', keep_ms, is[4], 0, is[5])
    end_scheduled(q, id, is[6])
    flow.ended(q, id, 'dead', flow.of(is[7], is[8]), is[9], is[10], is[11])
    return 1
end

local reply = {}
for i = 1, take_number() do
    reply[i] = end_late()
end
flow.finish()
finish()
return {reply}
