-- use: queue schedules
-- SCHEDULE_PUT: definitions. Repeating it changes nothing.
--   ARGV   how many schedules there may be; the number of items; items: id, queue, revision, definition, by,
--          1 = it came by the API, 1 = remove
--   reply  for each {what (below), when its revision was stored}
local SAME, CHANGED, ABSENT, FULL = 0, 1, 2, 3 -- op_schedule.c knows these
local NEWEST = 1000 -- rows that are looked at
local most = take_number()

local function remove(id, s, queue)
    local key = s and s .. 'schedule:' .. id
    if not s or redis.call('HEXISTS', key, 'removed') == 1 then
        return {ABSENT, '0'}
    end
    redis.call('HSET', key, 'removed', '1')
    redis.call('HDEL', key, 'definition', 'paused', 'pausedBy', 'pausedWhy', 'resumed')
    tell_schedule(id, queue)
    forget_schedule(s, id)
    return {CHANGED, '0'}
end

-- All but its unfinished jobs, which stay where they are.
local function move(id, from, to)
    for _, part in ipairs(PARTS) do
        if redis.call('EXISTS', from .. part .. id) == 1 then
            redis.call('RENAME', from .. part .. id, to .. part .. id)
        end
    end
end

-- "SERIES." of a revision; nil: it is of none
local function series_of(revision)
    return revision and string.match(revision, '^[^.]*%.')
end

-- Another edition of a series begins where that was.
local function begin_of(s, id, has, revision)
    if not has[1] or has[3] or not series_of(revision) or series_of(has[1]) ~= series_of(revision) then
        return text_of(now)
    end
    local _, last = last_of(s, id)
    return text_of(math.max(tonumber(has[2]) or 0, tonumber(last) or 0))
end

local function store(id, queue, revision, definition, by, api)
    local was, _, before = find_schedule(id)
    local s = structures_of(queue)
    local has = was and redis.call('HMGET', was .. 'schedule:' .. id, 'revision', 'stored', 'removed') or {}
    if before == queue and has[1] == revision and not has[3] then
        return {SAME, has[2]}
    elseif not was and redis.call('HLEN', 'jh:schedules') >= most then
        return {FULL, '0'}
    end
    if was and before ~= queue then
        move(id, was, s)
    end
    local key, begin = s .. 'schedule:' .. id, begin_of(s, id, has, revision)
    redis.call('HDEL', key, 'removed', 'by', 'api')
    redis.call('HSET', key, 'revision', revision, 'stored', begin, 'definition', definition)
    if by ~= '' then
        redis.call('HSET', key, 'by', by)
    end
    if api == '1' then
        redis.call('HSET', key, 'api', '1')
    end
    if has[1] ~= revision then
        redis.call('UNLINK', s .. 'times:' .. id)
        -- what it had when this revision was stored before: it begins now, so that older rows only tell people where it was
        for _, row in ipairs(redis.call('XREVRANGE', s .. 'ledger:' .. id, '+', '-', 'COUNT', NEWEST)) do
            local fields = {}
            for i = 1, #row[2], 2 do
                fields[row[2][i]] = row[2][i + 1]
            end
            if fields.revision == revision and fields.last then
                redis.call('ZADD', s .. 'times:' .. id, fields.last, row[1])
            end
        end
    end
    redis.call('HSET', 'jh:schedules', id, queue)
    tell_schedule(id, queue)
    return {CHANGED, begin}
end

local reply = {}
for i = 1, take_number() do
    local id, queue, revision, definition, by, api = take(), take(), take(), take(), take(), take()
    if take() == '1' then
        local s, _, its_queue = find_schedule(id)
        reply[i] = remove(id, s, its_queue)
    else
        reply[i] = store(id, queue, revision, definition, by, api)
    end
end
return reply
