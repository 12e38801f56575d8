-- use: queue place share users
-- FSCK: counters of queues.
--   ARGV   mend (1, 0); for each queue: the stamp of an earlier answer ('' = none), what the bytes of
--          its jobs and of its results should be, n, n types of which it has jobs
--   reply  for each queue {stamp, code, words, mended (1, 0), code, ...}
--
-- Queued jobs are counted anew where the lists are short enough for that. Bytes were summed up by the
-- caller while others changed them, perhaps; an equal stamp says that nobody did: no job came or
-- went, so no result went, and so none came.
local mend = take() == '1'
local found

local function report(code, words)
    found[#found + 1] = code
    found[#found + 1] = words
    found[#found + 1] = mend and 1 or 0
end

-- Who takes turns has a line.
local function check_line(q, type, priority, user, member)
    if redis.call('EXISTS', line_of(q, type, priority, user)) == 1 then
        return
    end
    if mend then
        redis.call('ZREM', band_key(q, 'turns', type, priority), member)
        redis.call('HDEL', band_key(q, 'users', type, priority), user)
    end
    report('turns_without_line', string.format('queue %s: a tenant has turns among jobs of %s, and none waits', q.name, type))
end

-- The lists, each once, and how many of them are not lines of tenants; nil: they are too long.
local function lists_for(q, types)
    local all, seen, length = {}, {}, 0
    local function add(list)
        if not seen[list] then
            seen[list] = true
            all[#all + 1] = list
            length = length + redis.call('LLEN', list)
        end
    end
    for _, field in ipairs(redis.call('HKEYS', q.s .. 'types')) do
        types[#types + 1] = string.match(field, '^[^:]*')
    end
    for _, priority in ipairs({'high', false, 'low'}) do
        add(list_of(q, priority))
        for _, type in ipairs(types) do
            add(aside_of(q, type, priority))
        end
    end
    local common = #all
    for _, priority in ipairs({'high', false, 'low'}) do
        for _, type in ipairs(types) do
            local turns = redis.call('ZRANGE', band_key(q, 'turns', type, priority), 0, SEARCHED_MAX)
            length = length + (#turns > SEARCHED_MAX and #turns or 0)
            for _, member in ipairs(turns) do
                local user = string.sub(member, 18)
                add(line_of(q, type, priority, user))
                check_line(q, type, priority, user, member)
            end
        end
    end
    if length > SEARCHED_MAX then
        return nil
    end
    return all, common
end

local function count(q, lists, common)
    local counted, seen = {}, {}
    for i, list in ipairs(lists) do
        for _, id in ipairs(redis.call('LRANGE', list, 0, -1)) do
            local job = not seen[id] and redis.call('HMGET', q.job .. id, 'status', 'type', 'priority')
            if job and job[1] == 'queued' and job[2] then
                local field = lane_field(job[2], (job[3] == 'high' or job[3] == 'low') and job[3], i > common)
                counted[field] = (counted[field] or 0) + 1
            end
            seen[id] = true
        end
    end
    return counted
end

local function check_types(q, types)
    local lists, common = lists_for(q, types)
    if not lists then
        return
    end
    local counted, stored = count(q, lists, common), {}
    local flat = redis.call('HGETALL', q.s .. 'types')
    for i = 1, #flat, 2 do
        stored[flat[i]] = tonumber(flat[i + 1]) or -1
        counted[flat[i]] = counted[flat[i]] or 0
    end
    for field, n in pairs(counted) do
        if n ~= (stored[field] or 0) or (n == 0 and stored[field]) then
            if mend and n == 0 then
                redis.call('HDEL', q.s .. 'types', field)
            elseif mend then
                redis.call('HSET', q.s .. 'types', field, n)
                publish('r', q.name, string.match(field, '^[^:]*'))
            end
            report('counter', string.format('queue %s: %d jobs of %s are queued, counted %d', q.name, n, field,
                                            stored[field] or 0))
        end
    end
end

local function check_bytes(q, is, right)
    for i, class in ipairs({'jobs', 'results'}) do
        if tonumber(is[i] or 0) ~= right[i] then
            if mend then
                redis.call('HSET', q.s .. 'bytes', class, text_of(right[i]))
            end
            report('budget', string.format('queue %s: %s take %.0f bytes, counted %s', q.name, class, right[i],
                                           is[i] or '0'))
        end
    end
end

local reply = {}
for i = 1, #queues do
    local q, before, right, types = queues[i], take(), {take_number(), take_number()}, {}
    for k = 1, take_number() do
        types[k] = take()
    end
    found = {}
    local is = redis.call('HMGET', q.s .. 'bytes', 'jobs', 'results')
    local newest = redis.call('XREVRANGE', q.s .. 'all', '+', '-', 'COUNT', 1)[1]
    local stamp = table.concat({is[1] or '0', is[2] or '0', newest and newest[1] or '-'}, ' ')
    if before ~= '' then
        check_types(q, types)
        if before == stamp then
            check_bytes(q, is, right)
        end
    end
    reply[i] = {stamp, unpack(found)}
end
return reply
