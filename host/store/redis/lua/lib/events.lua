-- Events that jobs wait for, of all queues together. A job that waits is entered with its queue, since an event may wake
-- jobs of any. lib/unwait.lua has the other end of it.
--   jh:event:<name>         STREAM  at, data; type, key, user: what was published, in order
--   jh:event:<name>:places  ZSET    user ('' = for all), a zero byte, place -> 0: the entries, by who they are for
--   jh:event:<name>:keys    HASH    key -> entry
--   jh:events:last          STRING  the newest entry of all names. Ids of entries begin with the time, and go on where
--                                   a clock goes back
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

-- store_event_bytes()
local function event_bytes(e)
    return #(e.data or '') + #(e.key or '') + #(e.user or '') + #(e.type or '') + EVENT_OVERHEAD
end

-- Of an entry, so that texts have its order; '' if it is none.
local function place_of(entry)
    local ms, n = string.match(entry, '^(%d+)%-(%d+)$')
    if not ms or #ms > 20 or #n > 20 then
        return ''
    end
    return string.rep('0', 20 - #ms) .. ms .. string.rep('0', 20 - #n) .. n
end
local function entry_at(place)
    return string.match(string.sub(place, 1, 20), '^0*(%d+)$') .. '-' .. string.match(string.sub(place, 21), '^0*(%d+)$')
end
local function place_member(e, entry)
    return (e.user or '') .. '\0' .. place_of(entry)
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
        redis.call('DEL', event_key(name), event_key(name) .. ':places')
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
    redis.call('ZREM', event_key(name) .. ':places', place_member(e, first[1]))
    if e.key then
        redis.call('HDEL', event_key(name) .. ':keys', e.key)
    end
    note_event_bytes(name, -event_bytes(e))
    return true
end

local function has_event_room(bytes)
    return tonumber(redis.call('HGET', 'jh:events:bytes', '') or 0) + bytes <= EVENTS_TOTAL_MAX
end

local function is_kept(name, key)
    return key ~= '' and redis.call('HEXISTS', event_key(name) .. ':keys', key) == 1
end

-- Adds it behind all others of any name; its entry. A stream that knows a later one, of an older version, goes on from that.
local function add_event(key, words)
    local ms, n = string.match(redis.call('GET', 'jh:events:last') or '', '^(%d+)%-(%d+)$')
    local late = ms and now <= tonumber(ms)
    local entry = late and ms .. '-' .. text_of(n + 1) or text_of(now) .. '-1'
    local added = redis.pcall('XADD', key, entry, unpack(words))
    if type(added) == 'table' then
        added = redis.call('XADD', key, '*', unpack(words))
    end
    redis.call('SET', 'jh:events:last', added)
    return added
end

-- b: the bounds of a name, {count =, bytes =}; `bounded`: it may be refused for them.
local function put_event(name, e, b, bounded)
    local key, bytes = event_key(name), event_bytes(e)
    local is = tonumber(redis.call('HGET', 'jh:events:bytes', name) or 0)
    local count = redis.call('XLEN', key)
    local pending = redis.call('HEXISTS', 'jh:events:pending', name) == 1
    if is_kept(name, e.key) then
        return EVENT_REPEATED
    elseif not has_event_room(bytes) then
        return EVENT_NO_ROOM
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
    local entry = add_event(key, words)
    redis.call('ZADD', key .. ':places', 0, place_member(e, entry))
    if e.key ~= '' then
        redis.call('HSET', key .. ':keys', e.key, entry)
    end
    note_event_bytes(name, bytes)
    note_oldest(name)
    if redis.call('EXISTS', key .. ':waits') == 1 then
        redis.call('HSET', 'jh:events:pending', name, '')
        publish('o', 'jh') -- of no queue
    end
    return EVENT_KEPT
end

-- The first of one user behind `from`, and not before `since`: its place, or nil.
local function first_place(key, user, from, since)
    local low = since > from and '[' .. user .. '\0' .. since or '(' .. user .. '\0' .. from
    local found = redis.call('ZRANGEBYLEX', key .. ':places', low, '(' .. user .. '\1', 'LIMIT', 0, 1)[1]
    return found and string.sub(found, #user + 2)
end

-- What a job that waits looks for: its entry and fields, or nil. `waits` as core/waits.h writes it; a position that is
-- none of ours is none. No entry came later than its id says, so those before `since` are not looked at.
local function find_event(name, waits, user)
    local n, since, position = string.match(waits or '', '^(%d+) (%d+) (%S+)$')
    local key, from, at_least = event_key(name), place_of(position or ''), place_of((since or '0') .. '-0')
    while true do
        local place = first_place(key, '', from, at_least)
        local own = user and first_place(key, user, from, at_least)
        place = (not place or (own and own < place)) and own or place
        if not place then
            return nil
        end
        local entry = entry_at(place)
        local is = redis.call('XRANGE', key, entry, entry)[1]
        local e = is and fields_of(is)
        if e and tonumber(e.at or 0) >= tonumber(since or 0) then
            return entry, e, tonumber(n or 0)
        end
        from = place
    end
end

-- A job was parked for an event. If there is none for it now the next one will be, whatever its time.
local function begin_wait(q, id, name, waits)
    redis.call('ZADD', event_key(name) .. ':waits', 0, id .. ' ' .. q.name)
    redis.call('SADD', 'jh:events:waited', name)
    if find_event(name, waits, redis.call('HGET', q.job .. id, 'user')) then
        redis.call('HSET', 'jh:events:pending', name, '')
        publish('o', q.name)
    else
        local n, last = string.match(waits or '', '^%d+') or '0', redis.call('GET', 'jh:events:last') or '-'
        redis.call('HSET', q.job .. id, 'waitFor', n .. ' 0 ' .. last)
    end
end
