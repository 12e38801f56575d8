-- use: queue claim place unwait (share users) ending schedule flow
-- FLOW_CANCEL: which members are to be cancelled, some at a time.
--   ARGV   how many; the flow that was told before ('' = none), its queue (number), up to where that was done ('' = to
--          the end), of which of its walks
--   reply  '' (there is nothing), or {queue (its number), opener, up to where this is ('' = to the end), 16 bytes of each,
--          of which walk}
local limit, id, queue, done, walk = take_number(), take(), take(), take(), take()
if id ~= '' and queues[queue] then
    local q = queues[queue]
    local key = q.s .. 'flow:' .. id
    local has = redis.call('HMGET', key, 'walked', 'walks')
    local is = (has[2] or '0') == walk and tonumber(has[1] or '') -- else it has begun anew
    if is and done == '' then
        flow.walked(q, id)
    elseif is and tonumber(done) > is then
        redis.call('HSET', key, 'walked', done)
    end
end
flow.finish()
finish()
local function next_opener(q)
    return redis.call('SRANDMEMBER', q.s .. 'flows:walk') or redis.call('SRANDMEMBER', q.s .. 'flows:cancel')
end
for i = 1, #queues do
    local q = queues[i]
    local opener = next_opener(q)
    while opener do
        local key = q.s .. 'flow:' .. opener
        local has = redis.call('HMGET', key, 'walked', 'walks')
        local at = tonumber(has[1] or '')
        if at then
            local members = redis.call('LRANGE', key .. ':made', at, at + limit - 1)
            return {i, opener, #members == limit and text_of(at + limit) or '', members, has[2] or '0'}
        end
        flow.walk_again(q, opener)
        opener = next_opener(q)
    end
end
return ''
