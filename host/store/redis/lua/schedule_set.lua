-- use: queue schedules
-- SCHEDULE_SET: a pause begins or ends; what is so already is left alone.
--   ARGV   id, 1 = paused, by whom, why
--   reply  1, or 0: there is no such schedule
local id, paused, by, why = take(), take() == '1', take(), take()
local s, _, queue = find_schedule(id)
local key = s and s .. 'schedule:' .. id
local has = s and redis.call('HMGET', key, 'removed', 'paused')
if not s or has[1] then
    return 0
end
if paused == (has[2] and true or false) then
    return 1
end
if paused then
    redis.call('HSET', key, 'paused', text_of(now))
    if by ~= '' then
        redis.call('HSET', key, 'pausedBy', by)
    end
    if why ~= '' then
        redis.call('HSET', key, 'pausedWhy', why)
    end
else
    redis.call('HDEL', key, 'paused', 'pausedBy', 'pausedWhy')
    redis.call('HSET', key, 'resumed', text_of(now))
end
tell_schedule(id, queue)
return 1
