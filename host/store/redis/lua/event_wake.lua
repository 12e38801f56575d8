-- use: queue claim place (share users) ending step unwait events
-- FORWARD, of events: jobs that wait for one that is there are queued, with it. Repeating it changes nothing: they do not
-- wait any more.
--   ARGV   how many jobs may be looked at; the number of queues in which tenants do not take turns, and their names
--          bytes that jobs may take in all, beyond what they do ('' = any)
--   reply  how many were, 1 = there are more, -1 = there is no room for the next one; queue and type of each lane that some
--          came into; how many got one; if there is a bound, each queue of those, and its bytes of jobs
local SEEN_AT_ONCE = 100
local limit, one_line, known = take_number(), {}, {}
for _ = 1, take_number() do
    one_line[take()] = true
end
local room, full = take_number(), false -- full: there is none for the next one, who waits on

-- A queue as lib/queue.lua makes it: the caller may not have heard of it.
local function queue_of(name)
    if not known[name] then
        local keys = redis.call('HGET', 'jh:queues', name)
        local prefix, split = string.match(keys or '', '^([^\n]*)\n(.*)$')
        local s = (prefix or '') == '' and 'jobs:' .. name .. ':' or prefix .. 'jobs:'
        local j = prefix or ''
        known[name] = {s = s, j = j, job = j .. 'job:', normal = s .. (split == '1' and 'queue:normal' or 'queue'),
                       name = name, turns = not one_line[name]}
        queues[#queues + 1] = known[name]
    end
    return known[name]
end

-- A plain yield() finds what came as it came, and its place beside it.
local function put_found(q, id, name, n, entry, e)
    local head = 'got ' .. (e.at or '0') .. ' ' .. entry .. ' ' .. (e.type or '-') .. '\n'
    if n > 0 then
        put_step(q, id, 'event:' .. name .. '#' .. n, head .. (e.data or ''))
    else
        put_step(q, id, 'event:' .. name, e.data or '')
        put_step(q, id, 'event:' .. name .. '#', head)
    end
end

local lanes, told, woken = {}, {}, 0
local function look_at(name, member)
    local id, queue = string.match(member, '^(%S+) (.+)$')
    local q = queue_of(queue or '')
    local job = q.job .. (id or '')
    local is = redis.call('HMGET', job, 'status', 'type', 'priority', 'rev', 'claim', 'parked', 'waitKey', 'waitFor', 'user')
    if is[1] ~= 'parked' or is[6] ~= 'event' or is[7] ~= name then
        end_wait(q, id or '', name) -- an entry that was left behind
        return
    end
    local entry, e, n = find_event(name, is[8], is[9])
    full = entry and room and noted.jobs + #(e.data or '') + #(e.type or '') + EVENT_OVERHEAD > room
    if not entry or full then
        return
    end
    woken = woken + 1
    end_wait(q, id, name)
    redis.call('HDEL', job, 'dueAt', 'parked', 'waitKey', 'waitFor')
    redis.call('HSET', job, 'status', 'queued', 'rev', (tonumber(is[4]) or 1) + 1, 'ready', text_of(now),
               'updatedAt', text_of(now), 'claim', is[5] or NO_CLAIM)
    put_found(q, id, name, n, entry, e)
    leave(q, id, 'parked', is[2], is[3], is[9])
    enter(q, id, 'queued', is[2], is[3], nil, nil, is[9])
    if not told[queue .. ' ' .. is[2]] then
        told[queue .. ' ' .. is[2]] = true
        lanes[#lanes + 1] = queue
        lanes[#lanes + 1] = is[2]
        publish('r', queue, is[2], caller)
    end
end

-- The next jobs of a name; how many.
local function look_at_some(name, cursor, most)
    local from = cursor == '' and '-' or '(' .. cursor
    local members = redis.call('ZRANGEBYLEX', event_key(name) .. ':waits', from, '+', 'LIMIT', 0, most)
    local done = 0
    while done < #members and not full do
        look_at(name, members[done + 1])
        done = full and done or done + 1
    end
    if #members < most and not full then
        redis.call('HDEL', 'jh:events:pending', name)
    elseif done > 0 and redis.call('HEXISTS', 'jh:events:pending', name) == 1 then
        redis.call('HSET', 'jh:events:pending', name, members[done])
    end
    return done
end

-- Some names. A hash that was large, and does not shrink while the server saves, has pages without any.
local function some_pending()
    local cursor, found = '0', {}
    repeat
        cursor, found = unpack(redis.call('HSCAN', 'jh:events:pending', cursor, 'COUNT', 100))
    until #found > 0 or cursor == '0'
    return found
end

local looked = 0
local pending = some_pending()
for i = 1, #pending, 2 do
    local left = limit - looked
    while left > 0 and not full and redis.call('HEXISTS', 'jh:events:pending', pending[i]) == 1 do
        local cursor = redis.call('HGET', 'jh:events:pending', pending[i])
        looked = looked + look_at_some(pending[i], cursor, math.min(left, SEEN_AT_ONCE))
        left = limit - looked
    end
end
finish()

local bytes = {}
for i = 1, room and #queues or 0 do
    bytes[#bytes + 1] = queues[i].name
    bytes[#bytes + 1] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
end
return {looked, full and -1 or redis.call('EXISTS', 'jh:events:pending'), lanes, woken, bytes}
