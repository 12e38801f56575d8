-- The end of a wait for an event (lib/events.lua), for all that may take a job out of its place.

local function event_key(name)
    return 'jh:event:' .. name
end

-- It is so no more. Before its fields go.
local function end_wait(q, id, name)
    local key = event_key(name) .. ':waits'
    redis.call('ZREM', key, id .. ' ' .. q.name)
    if redis.call('EXISTS', key) == 0 then
        redis.call('SREM', 'jh:events:waited', name)
        redis.call('HDEL', 'jh:events:pending', name)
    end
end

-- The same of a parked job of which nothing is known.
local function end_any_wait(q, id)
    local is = redis.call('HMGET', q.job .. id, 'parked', 'waitKey')
    if is[1] == 'event' and is[2] then
        end_wait(q, id, is[2])
    end
end
