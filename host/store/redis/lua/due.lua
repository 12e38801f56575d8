-- use: queue claim place unwait (share users)
-- DUE: scheduled and parked jobs whose time has come become queued, ready since the time they were due.
-- Repeating it changes nothing.
--   ARGV   how many at most
--   reply  how many; the next due time ('' = none waits); queue (its number) and type of each lane that
--          some came into; HLEN jh:queues
local PLACES = {'scheduled', 'parked'}

local function earlier(a, b)
    return a.due < b.due or (a.due == b.due and a.id < b.id)
end

local function due_of(q, limit)
    local all = {}
    for _, place in ipairs(PLACES) do
        local is = redis.call('ZRANGEBYSCORE', q.s .. place, '-inf', text_of(now), 'WITHSCORES', 'LIMIT', 0, limit)
        for i = 1, #is, 2 do
            all[#all + 1] = {id = is[i], due = tonumber(is[i + 1]), place = place}
        end
    end
    table.sort(all, earlier)
    return all
end

local lanes, told = {}, {}
local function note_lane(number, type)
    if not told[number .. type] then
        told[number .. type] = true
        lanes[#lanes + 1] = number
        lanes[#lanes + 1] = type
    end
end

local function become_queued(number, q, entry)
    local job = q.job .. entry.id
    local more = entry.place == 'parked' and {'parked', 'waitKey'} or {}
    local is = redis.call('HMGET', job, 'status', 'type', 'priority', 'rev', 'claim', 'user', unpack(more))
    redis.call('ZREM', q.s .. entry.place, entry.id)
    if is[1] ~= entry.place or not is[2] then
        return 0 -- an entry that was left behind
    end
    if is[7] == 'event' and is[8] then
        end_wait(q, entry.id, is[8])
    end
    redis.call('HSET', job, 'status', 'queued', 'rev', (tonumber(is[4]) or 1) + 1, 'ready', text_of(entry.due),
               'claim', is[5] or NO_CLAIM)
    redis.call('HDEL', job, 'dueAt', 'parked', 'waitKey', 'waitFor')
    enter(q, entry.id, 'queued', is[2], is[3], nil, nil, is[6])
    note_lane(number, is[2])
    return 1
end

local function next_due()
    local first
    for i = 1, #queues do
        for _, place in ipairs(PLACES) do
            local is = redis.call('ZRANGE', queues[i].s .. place, 0, 0, 'WITHSCORES')
            local at = is[2] and is[2] ~= 'inf' and tonumber(is[2])
            if at and (not first or at < first) then
                first = at
            end
        end
    end
    return first and text_of(first) or ''
end

local limit, moved = take_number(), 0
for i = 1, #queues do
    local all = limit > moved and due_of(queues[i], limit - moved) or {}
    for k = 1, math.min(#all, limit - moved) do
        moved = moved + become_queued(i, queues[i], all[k])
    end
end
finish()
return {moved, next_due(), lanes, redis.call('HLEN', 'jh:queues')}
