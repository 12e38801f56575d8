-- use: queue place share users
-- STATS: what there is in some queues.
--   reply  of each: {scheduled, running, parked, succeeded, dead, cancelled, duplicate, parcels in the
--          outbox, bytes of jobs, of results, when its oldest queued job became ready, when the next
--          job is due (0: none), by whom it is paused, why, since when (nil: it is not), the lanes
--          (type, or type:priority, behind that :user for those in lines of tenants, and how many); of the latter the same, and how many lines}
local COUNTED = {'scheduled', 'processing', 'parked', 'succeeded', 'dlq', 'cancelled', 'duplicate'}
local LOOKED_AT = 20 -- entries at the head of a list that are not queued any more are passed over

local function head_ready(q, list)
    for at = 0, LOOKED_AT - 1 do
        local id = redis.call('LINDEX', list, at)
        if not id then
            return nil
        end
        local job = redis.call('HMGET', q.job .. id, 'status', 'ready', 'createdAt')
        if job[1] == 'queued' then
            return tonumber(job[2] or job[3])
        end
    end
    return nil
end

local function earlier(a, b)
    return a and b and math.min(a, b) or a or b
end

-- Of those whose turn it is next.
local function oldest_line(q, type, priority)
    local first = nil
    for _, member in ipairs(redis.call('ZRANGE', band_key(q, 'turns', type, priority), 0, LOOKED_AT - 1)) do
        first = earlier(first, head_ready(q, line_of(q, type, priority, string.sub(member, 18))))
    end
    return first
end

local function oldest(q, lanes)
    local first = nil
    for _, priority in ipairs({'high', false, 'low'}) do
        first = earlier(first, head_ready(q, list_of(q, priority)))
    end
    for i = 1, #lanes, 2 do
        local type, priority, in_line = read_lane_field(lanes[i])
        if in_line then
            first = earlier(first, oldest_line(q, type, priority))
        else
            first = earlier(first, head_ready(q, aside_of(q, type, priority)))
        end
    end
    return first or 0
end

-- How many lines of tenants there are, by the fields that are about such.
local function count_lines(q, lanes)
    local counted = {}
    for i = 1, #lanes, 2 do
        local type, priority, in_line = read_lane_field(lanes[i])
        if in_line then
            counted[#counted + 1] = lanes[i]
            counted[#counted + 1] = redis.call('ZCARD', band_key(q, 'turns', type, priority))
        end
    end
    return counted
end

local function next_due(q)
    local first = nil
    for _, place in ipairs({'scheduled', 'parked'}) do
        local at = tonumber(redis.call('ZRANGE', q.s .. place, 0, 0, 'WITHSCORES')[2])
        first = earlier(first, at and at < math.huge and at)
    end
    return first or 0
end

local reply = {}
for i = 1, #queues do
    local q, of = queues[i], {}
    for k = 1, #COUNTED do
        of[k] = redis.call('ZCARD', q.s .. COUNTED[k])
    end
    of[8] = redis.call('XLEN', q.s .. 'outbox')
    local bytes = redis.call('HMGET', q.s .. 'bytes', 'jobs', 'results')
    of[9], of[10] = bytes[1] or '0', bytes[2] or '0'
    local lanes = redis.call('HGETALL', q.s .. 'types')
    of[11] = text_of(oldest(q, lanes))
    of[12] = text_of(next_due(q))
    local pause = redis.call('HMGET', q.s .. 'paused', 'by', 'why', 'at')
    of[13], of[14], of[15] = pause[1], pause[2], pause[3]
    of[16] = lanes
    of[17] = count_lines(q, lanes)
    reply[i] = of
end
return reply
