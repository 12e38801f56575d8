-- use: queue place share users
-- The ids of all jobs in a state, if there are few.
--   ARGV   the state; how many are few
--   reply  of each queue its ids; nil: there are more
local state, most = take(), take_number()
local lists, found = {}, 0

local function add_lines(q, type, priority, all)
    for _, member in ipairs(redis.call('ZRANGE', band_key(q, 'turns', type, priority), 0, most)) do
        all[#all + 1] = line_of(q, type, priority, string.sub(member, 18))
    end
end

local function length(q)
    if state ~= 'queued' then
        return redis.call('ZCARD', q.s .. ZSET_OF[state])
    end
    local n, all = 0, {}
    for _, priority in ipairs({'high', false, 'low'}) do
        all[#all + 1] = list_of(q, priority)
    end
    for _, field in ipairs(redis.call('HKEYS', q.s .. 'types')) do
        local type, priority, in_line = read_lane_field(field)
        if not in_line then
            all[#all + 1] = aside_of(q, type, priority)
        else
            add_lines(q, type, priority, all)
        end
    end
    for _, list in ipairs(all) do
        n = n + redis.call('LLEN', list)
    end
    lists[q] = all
    return n
end

for i = 1, #queues do
    found = found + length(queues[i])
    if found > most then
        return false
    end
end
local reply = {}
for i = 1, #queues do
    local q = queues[i]
    local ids = {}
    if state ~= 'queued' then
        ids = redis.call('ZRANGE', q.s .. ZSET_OF[state], 0, -1)
    end
    for _, list in ipairs(lists[q] or {}) do
        for _, id in ipairs(redis.call('LRANGE', list, 0, -1)) do
            ids[#ids + 1] = id
        end
    end
    reply[i] = ids
end
return reply
