-- use: queue
-- START: attempts that really began, and how far they are. Repeating it changes nothing.
--   ARGV   the number of items; items: queue (its number), id, claim, tail of the log ('' = as it was),
--          n, n names and values, m, m names of fields to delete
--   reply  for each item 1, or 0: its claim is over
local function start()
    local q, id, claim, log = queues[take_number()], take(), take(), take()
    local first, last = take_range(take_number())
    local del_first, del_last = take_range(take_number())
    local job = q.j .. 'job:' .. id
    local is = redis.call('HMGET', job, 'token', 'host', 'status')
    if claim_of(is[1], is[2]) ~= claim or is[3] ~= 'running' then
        return 0
    end
    redis.call('HSET', job, 'begun', '1', unpack(ARGV, first, last))
    if del_last >= del_first then
        redis.call('HDEL', job, unpack(ARGV, del_first, del_last))
    end
    if log ~= '' then
        redis.call('SET', q.j .. 'log:' .. id, log)
        redis.call('HSET', job, 'log', #log)
    end
    return 1
end

local reply = {}
for i = 1, take_number() do
    reply[i] = start()
end
return {reply}
