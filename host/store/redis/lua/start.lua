-- use: queue claim
-- START: attempts that really began, and how far they are. Repeating it changes nothing.
--   ARGV   the number of items; items: queue (its number), id, claim (its token and host), tail of the log ('' = as it was),
--          n, n names and values, m, m names of fields to delete
--   reply  for each item 1, or 0: its claim is over
local function start()
    local q, id, claim, log = queues[take()], take(), take(), take()
    local first, last = take_range(take_number())
    local del_first, del_last = take_range(take_number())
    local job = q.job .. id
    local token, host, _, over = read_claim(redis.call('HGET', job, 'claim'))
    if over or text_of(token) .. ' ' .. host ~= claim then
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
