-- Events that jobs wait for, of all queues together. A job that waits is entered with its queue, since an event may wake
-- jobs of any. lib/unwait.lua has the other end of it.
--   jh:event:<name>         STREAM  at, data; type, key, user: what was published, in order
--   jh:event:<name>:keys    HASH    key -> entry
--   jh:event:<name>:waits   ZSET    "<id> <queue>" -> 0, in the order of ids
--   jh:events               ZSET    name -> when the oldest of its events was published
--   jh:events:bytes         HASH    name -> bytes that its events count for; '' -> those of all
--   jh:events:waited        SET     names that jobs wait for
--   jh:events:pending       HASH    names of which there may be something to bring together -> up to which member of
--                                   its `waits` that was done ('': none yet)
local EVENT_OVERHEAD = 128 -- STORE_EVENT_OVERHEAD
local EVENTS_TOTAL_MAX = 268435456 -- STORE_EVENTS_TOTAL_MAX
local EVENT_KEPT, EVENT_REPEATED, EVENT_CROWDED, EVENT_NO_ROOM = 0, 1, 2, 3 -- op_event.c knows these

local function fields_of(entry)
    local e = {}
    for i = 1, #entry[2], 2 do
        e[entry[2][i]] = entry[2][i + 1]
    end
    return e
end

local function note_event_bytes(name, n)
    if redis.call('HINCRBY', 'jh:events:bytes', name, n) <= 0 then
        redis.call('HDEL', 'jh:events:bytes', name)
    end
    redis.call('HINCRBY', 'jh:events:bytes', '', n)
end

local function note_oldest(name)
    local first = redis.call('XRANGE', event_key(name), '-', '+', 'COUNT', 1)[1]
    if first then
        redis.call('ZADD', 'jh:events', fields_of(first).at or '0', name)
    else
        redis.call('ZREM', 'jh:events', name)
        redis.call('DEL', event_key(name))
    end
end

-- The oldest goes, unless it is not older than `before` (nil: however young it is).
local function drop_oldest(name, before)
    local first = redis.call('XRANGE', event_key(name), '-', '+', 'COUNT', 1)[1]
    local e = first and fields_of(first)
    if not e or (before and tonumber(e.at) > before) then
        return false
    end
    redis.call('XDEL', event_key(name), first[1])
    if e.key then
        redis.call('HDEL', event_key(name) .. ':keys', e.key)
    end
    note_event_bytes(name, -(#(e.data or '') + EVENT_OVERHEAD))
    return true
end

local function has_event_room(bytes)
    return tonumber(redis.call('HGET', 'jh:events:bytes', '') or 0) + bytes <= EVENTS_TOTAL_MAX
end

-- b: the bounds of a name, {count =, bytes =}; `bounded`: it may be refused for them.
local function put_event(name, e, b, bounded)
    local key, bytes = event_key(name), #e.data + EVENT_OVERHEAD
    local is = tonumber(redis.call('HGET', 'jh:events:bytes', name) or 0)
    local count = redis.call('XLEN', key)
    local pending = redis.call('HEXISTS', 'jh:events:pending', name) == 1
    if not has_event_room(bytes) then
        return EVENT_NO_ROOM
    elseif e.key ~= '' and redis.call('HEXISTS', key .. ':keys', e.key) == 1 then
        return EVENT_REPEATED
    elseif bounded and pending and (count + 1 > 2 * b.count or is + bytes > 2 * b.bytes) then
        return EVENT_CROWDED
    end
    while not pending and count > 0 and (count + 1 > b.count or is + bytes > b.bytes) and drop_oldest(name) do
        count = count - 1
        is = tonumber(redis.call('HGET', 'jh:events:bytes', name) or 0)
    end
    local words = {'at', text_of(now), 'data', e.data}
    for _, field in ipairs({'type', 'key', 'user'}) do
        if e[field] ~= '' then
            words[#words + 1] = field
            words[#words + 1] = e[field]
        end
    end
    local at = redis.call('XADD', key, '*', unpack(words))
    if e.key ~= '' then
        redis.call('HSET', key .. ':keys', e.key, at)
    end
    note_event_bytes(name, bytes)
    note_oldest(name)
    if redis.call('EXISTS', key .. ':waits') == 1 then
        redis.call('HSET', 'jh:events:pending', name, '')
        publish('o', 'jh') -- of no queue
    end
    return EVENT_KEPT
end

-- A position that the server would not take is none: it cannot be one of ours.
local function entries_behind(key, position, count)
    local from = position ~= '-' and '(' .. position or '-'
    local entries = redis.pcall('XRANGE', key, from, '+', 'COUNT', count)
    return entries.err and redis.call('XRANGE', key, '-', '+', 'COUNT', count) or entries
end

-- What a job that waits looks for: its entry and fields, or nil. `waits` as core/waits.h writes it.
local EVENTS_LOOKED = 64
local function find_event(name, waits, user)
    local n, since, position = string.match(waits or '', '^(%d+) (%d+) (%S+)$')
    since, position = tonumber(since or 0), position or '-'
    while true do
        local entries = entries_behind(event_key(name), position, EVENTS_LOOKED)
        for _, entry in ipairs(entries) do
            local e = fields_of(entry)
            if tonumber(e.at or 0) >= since and (not e.user or e.user == user) then
                return entry[1], e, tonumber(n or 0)
            end
        end
        if #entries < EVENTS_LOOKED then
            return nil
        end
        position = entries[#entries][1]
    end
end

-- A job was parked for an event.
local function begin_wait(q, id, name, waits)
    redis.call('ZADD', event_key(name) .. ':waits', 0, id .. ' ' .. q.name)
    redis.call('SADD', 'jh:events:waited', name)
    if find_event(name, waits, redis.call('HGET', q.job .. id, 'user')) then
        redis.call('HSET', 'jh:events:pending', name, '')
        publish('o', q.name)
    end
end
