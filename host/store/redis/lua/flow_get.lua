-- use: queue
-- FLOW_GET and FLOW_ENDED: how a flow stands. Changes nothing.
--   ARGV   id of the opener; from which one on those that have ended are told; how many; only those with this digit
--          ('' = all)
--   reply  '' (there is none), or names and values; is it among those that are to be cancelled; those that have ended;
--          how many there are; up to which one these are
local LOOK_MAX = 10000 -- of those that may not be asked for
local id, from, count, only = take(), take_number(), take_number(), take()
local q = queues[1]
local key = q.s .. 'flow:' .. id
local is = redis.call('HMGET', key, 'made', 'succeeded', 'dead', 'cancelled', 'duplicate', 'opener', 'onDead', 'closed',
                      'then', 'thenMade', 'died')
if not is[1] then
    return ''
end
for i = 1, 11 do
    is[i] = is[i] or ''
end
local all = redis.call('LLEN', key .. ':ended')
local ended, at, stop = {}, from, math.min(all, only == '' and from + count or from + LOOK_MAX)
while #ended < count and at < stop do
    for _, one in ipairs(redis.call('LRANGE', key .. ':ended', at, math.min(at + 1000, stop) - 1)) do
        if #ended < count then
            at = at + 1
            ended[#ended + 1] = (only == '' or string.sub(one, 17) == only) and one or nil
        end
    end
end
return {is, redis.call('SISMEMBER', q.s .. 'flows:cancel', id), ended, all, at}
