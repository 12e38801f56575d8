-- Where a job is: the one part that moves it from place to place. What is pushed, counted and told
-- is gathered and written once by finish(), the last thing a script does.
--
--   queued      LIST  N, S'queue:high', S'queue:low'; S'queue:aside:<priority>:<type>'; tenants' lines (lib/users.lua)
--   scheduled   ZSET  S'scheduled'    by due time
--   running     ZSET  S'processing'   by the end of the lease, server's clock
--   parked      ZSET  S'parked'       by due time, +inf without one
--   dead        ZSET  S'dlq'          by time of death; S'dlq:expiry' by time of deletion
--   succeeded, cancelled, duplicate   ZSET of that name, by time of deletion, +inf if kept
local FINAL = {succeeded = true, cancelled = true, duplicate = true, dead = true}
local ZSET_OF = {scheduled = 'scheduled', running = 'processing', parked = 'parked', dead = 'dlq',
                 succeeded = 'succeeded', cancelled = 'cancelled', duplicate = 'duplicate'}
local KEEP_MORE_MS = 900000 -- Redis deletes by itself this much later than the sweeper would
local SEARCHED_MAX = 10000  -- entries of a list that are searched for one to remove

-- priority: 'high', 'low', or false for normal, as HMGET has it
local function lane_field(type, priority, in_line)
    local field = priority and type .. ':' .. priority or type
    return in_line and field .. ':user' or field
end
local function list_of(q, priority)
    return priority and q.s .. 'queue:' .. priority or q.normal
end
local function aside_of(q, type, priority)
    return q.s .. 'queue:aside:' .. (priority or 'normal') .. ':' .. type
end

local tails, heads = {}, {} -- list -> ids to append; ids to put in front, the first one last
local function note_push(where, list, id)
    local ids = where[list]
    if not ids then
        ids = {}
        where[list] = ids
    end
    ids[#ids + 1] = id
end

-- How many are queued, by lane; those in lines of tenants by themselves.
local function note_count(q, type, priority, n, in_line)
    q.counts = q.counts or {}
    local field = lane_field(type, priority, in_line)
    local c = q.counts[field]
    if not c then
        c = {n = 0, type = type}
        q.counts[field] = c
    end
    c.n = c.n + n
end

-- Bytes that this call has added to a queue, and to all of them: these count for the room of each, which its caller has
-- made up from what they all had before (redis_store_put_room()).
local noted = {jobs = 0, results = 0}
local function note_bytes(q, class, n)
    q.bytes = q.bytes or {}
    q.bytes[class] = (q.bytes[class] or 0) + n
    noted[class] = noted[class] + n
end

local function note_due(q, place, at)
    q.due = q.due or {}
    if not q.due[place] or at < q.due[place] then
        q.due[place] = at
    end
end

-- With `caller` as its last word it is news to others only.
local function publish(...)
    redis.call('PUBLISH', 'jh:wake', table.concat({...}, ' '))
end

-- Lines of tenants, of scripts that meet some: lib/users.lua.
local in_lines

-- Into its line: at the tail, or at the head with its old turn. That of its tenant, or the list of its band.
local function queue_up(q, id, type, priority, in_front, user)
    if user and in_lines.takes_turns(q) then
        in_lines.note(q, id, type, priority, user, in_front)
        return
    elseif not in_front then
        note_push(tails, list_of(q, priority), id)
    else
        local aside = aside_of(q, type, priority)
        local list = redis.call('EXISTS', aside) == 1 and aside or list_of(q, priority)
        note_push(heads, list, id)
    end
    note_count(q, type, priority, 1)
end

-- Has this call queued it in that list? Then it is not written there.
local function unnote(list, id)
    for _, where in ipairs({tails, heads}) do
        local ids = where[list]
        for i = ids and #ids or 0, 1, -1 do
            if ids[i] == id then
                table.remove(ids, i)
                return true
            end
        end
    end
    return false
end

-- Was it in that list? It is not now, unless that would be a long search: who pops it then sees that it is not queued.
local function unlist(list, id)
    return unnote(list, id) or (redis.call('LLEN', list) <= SEARCHED_MAX and redis.call('LREM', list, 1, id) > 0)
end

local function unqueue(q, id, type, priority, user)
    if user and in_lines.leave(q, id, type, priority, user) then
        return
    end
    if not unlist(list_of(q, priority), id) then
        unlist(aside_of(q, type, priority), id)
    end
    note_count(q, type, priority, -1)
end

-- Enters a job into a place. `at`: SCHEDULED, PARKED: when it is due (nil: not by time); RUNNING:
-- the end of its lease; final: how long it is kept, in ms (0: for ever). `user`: whose it is, false or nil: nobody's.
local function enter(q, id, status, type, priority, at, in_front, user)
    if status == 'queued' then
        queue_up(q, id, type, priority, in_front, user)
        return
    end
    local score = at and text_of(at) or '+inf'
    if FINAL[status] then
        score = at > 0 and text_of(now + at) or '+inf'
    end
    if status == 'dead' then
        if at > 0 then
            redis.call('ZADD', q.s .. 'dlq:expiry', score, id)
        end
        score = text_of(now)
    elseif (status == 'scheduled' or status == 'parked') and at then
        note_due(q, ZSET_OF[status], at)
    end
    redis.call('ZADD', q.s .. ZSET_OF[status], score, id)
end

local function leave(q, id, status, type, priority, user)
    if status == 'queued' then
        unqueue(q, id, type, priority, user)
        return
    end
    redis.call('ZREM', q.s .. ZSET_OF[status], id)
    if status == 'dead' then
        redis.call('ZREM', q.s .. 'dlq:expiry', id)
    end
end

-- What hangs on a job: the field that says so, and the keys (behind J).
local SIDE = {{'payloadBytes', 'payload:'}, {'steps', 'steps:'}, {'warnings', 'warnings:'},
              {'history', 'history:'}, {'log', 'log:'}, {'outputs', 'outputs:'}, {'resultBytes', 'results:'}}
local SIDE_FIELDS = {}
for i = 1, #SIDE do
    SIDE_FIELDS[i] = SIDE[i][1]
end

local NO_SIDES = {} -- of a job of which is known that nothing hangs on it

-- Calls f(name) for the job's own key and for each that hangs on it. `has`: which of SIDE_FIELDS it
-- has, in their order, where the caller knows it.
local function each_key(q, id, f, has)
    local job = q.job .. id
    has = has or redis.call('HMGET', job, unpack(SIDE_FIELDS))
    for i = 1, #SIDE do
        if has[i] then
            f(q.j .. SIDE[i][2] .. id)
            if SIDE[i][1] == 'steps' then
                f(q.j .. 'steps:' .. id .. ':names')
            end
        end
    end
    if q.j ~= '' then
        f('jh:idx:' .. id)
    end
    f(job)
end

-- A final job disappears by itself if nobody comes to sweep it; one that is not never does.
local function set_ttl(q, id, keep_ms, has)
    if keep_ms > 0 then
        local ttl = text_of(keep_ms + KEEP_MORE_MS)
        if has == NO_SIDES then
            redis.call('PEXPIRE', q.job .. id, ttl)
            if q.j ~= '' then
                redis.call('PEXPIRE', 'jh:idx:' .. id, ttl)
            end
            return
        end
        each_key(q, id, function(key) redis.call('PEXPIRE', key, ttl) end, has)
    else
        each_key(q, id, function(key) redis.call('PERSIST', key) end, has)
    end
end

local function finish_counts(q)
    for field, c in pairs(q.counts or {}) do
        if c.n ~= 0 then
            local is = redis.call('HINCRBY', q.s .. 'types', field, c.n)
            if is <= 0 then
                redis.call('HDEL', q.s .. 'types', field)
            elseif is - c.n <= 0 then
                publish('r', q.name, c.type, caller)
            end
        end
    end
end

-- What a place is given by finish(): scores and ids.
local function kept_in(q, place)
    q.kept = q.kept or {}
    q.kept[place] = q.kept[place] or {}
    return q.kept[place]
end

-- Running jobs that end, in a script that looks at no place afterwards: as leave() and enter(), and written by finish()
-- for all such jobs at once. What they are noted in: ids; scores and ids, and their score; of dead ones that are not
-- kept for ever the same again.
local function ends_of(q, status, keep_ms)
    q.concluded = q.concluded or {}
    local til = keep_ms > 0 and text_of(now + keep_ms) or '+inf'
    if status ~= 'dead' then
        return q.concluded, kept_in(q, ZSET_OF[status]), til
    end
    return q.concluded, kept_in(q, 'dlq'), text_of(now), keep_ms > 0 and kept_in(q, 'dlq:expiry'), til
end
local function conclude(id, ids, kept, score, expiry, til)
    ids[#ids + 1] = id
    kept[#kept + 1] = score
    kept[#kept + 1] = id
    if expiry then
        expiry[#expiry + 1] = til
        expiry[#expiry + 1] = id
    end
end

-- unpack() puts words onto Lua's stack, which takes 8000 of them.
local WORDS_MAX = 5000 -- even: scores and ids come in pairs
local function push(command, list, ids)
    for i = 1, #ids, WORDS_MAX do
        redis.call(command, list, unpack(ids, i, math.min(i + WORDS_MAX - 1, #ids)))
    end
end

local function finish()
    if in_lines then
        in_lines.finish()
    end
    for list, ids in pairs(tails) do
        push('RPUSH', list, ids)
    end
    for list, ids in pairs(heads) do
        push('LPUSH', list, ids)
    end
    for i = 1, #queues do
        local q = queues[i]
        finish_counts(q)
        push('ZREM', q.s .. 'processing', q.concluded or {})
        for place, pairs_of in pairs(q.kept or {}) do
            push('ZADD', q.s .. place, pairs_of)
        end
        for class, n in pairs(q.bytes or {}) do
            if n ~= 0 then
                redis.call('HINCRBY', q.s .. 'bytes', class, text_of(n))
            end
        end
        for place, at in pairs(q.due or {}) do
            local first = redis.call('ZRANGE', q.s .. place, 0, 0, 'WITHSCORES')
            if first[2] and tonumber(first[2]) >= at then
                publish('d', q.name, text_of(at), caller)
            end
        end
    end
end
