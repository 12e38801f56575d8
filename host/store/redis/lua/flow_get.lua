-- use: queue
-- FLOW_GET and FLOW_ENDED: how a flow stands. Changes nothing.
--   ARGV   id of the opener; from which one on those that have ended are told; how many
--   reply  '' (there is none), or names and values; is it among those that are to be cancelled; those that have ended
local id, from, count = take(), take_number(), take_number()
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
local ended = count > 0 and redis.call('LRANGE', key .. ':ended', from, from + count - 1) or {}
return {is, redis.call('SISMEMBER', q.s .. 'flows:cancel', id), ended, redis.call('LLEN', key .. ':ended')}
