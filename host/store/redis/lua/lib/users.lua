-- Tenants' lines, where tenants take turns (lib/share.lua). Of each type and priority:
--
--   S'queue:user:<priority>:<type>:<user>'   LIST  its jobs
--   S'queue:turns:<priority>:<type>'         ZSET  '<turn, 16 digits> <user>' -> tag: those who have such a list
--   S'queue:users:<priority>:<type>'         HASH  user -> those digits
--   S'queue:rests:<priority>:<type>'         ZSET  user -> tag: who has none now, and has had turns lately
--   S'queue:clock:<priority>:<type>'         'now last comers tag turn': the last two of all jobs without a line, who
--                                            are one more that takes turns (turn -1: when they were looked at, there were none);
--                                            and where many wait, 'look user': whose heads a claim looks at next, by their
--                                            place in their turns, and who had the oldest of those before
--
-- The last two say nothing any more when nobody waits, and go by themselves after an hour in which jobs without a line
-- alone have waited.
local RESTS_MS = '3600000'

local function read_lane_field(field)
    local type, rest = string.match(field, '^([^:]*):?(.*)$')
    local in_line = rest == 'user' or string.sub(rest, -5) == ':user'
    local priority = string.match(rest, '^[^:]*')
    return type, (priority == 'high' or priority == 'low') and priority, in_line
end

-- Do tenants take turns in it?
local function takes_turns(q)
    if q.turns == nil then
        for i = 1, #queues do
            queues[i].turns = not string.find(ARGV[1], '!' .. i .. '!', 1, true)
        end
    end
    return q.turns
end

local function band_key(q, what, type, priority)
    return q.s .. 'queue:' .. what .. ':' .. (priority or 'normal') .. ':' .. type
end

local function line_of(q, type, priority, user)
    return band_key(q, 'user', type, priority) .. ':' .. user
end

local function member_of(turn, user)
    return string.format('%016.0f %s', turn, user)
end

-- Who has lost the time goes on from those who wait.
local function read_clock(b)
    local now_text, last, comers, tag, turn, look, user =
        string.match(redis.call('GET', b.clock) or '', '^(%d+) (%d+) (%d+) (%d+) (%-?%d+) ?(%d*) ?(.*)$')
    if not now_text then
        local first = redis.call('ZRANGE', b.turns, 0, 0, 'WITHSCORES')
        now_text = first[2]
    end
    b.now = tonumber(now_text or 0)
    b.last = tonumber(last or 0)
    b.comers = tonumber(comers or 0)
    b.plain = {tag = tonumber(tag or 0), turn = tonumber(turn or -1)}
    b.look, b.oldest_user = tonumber(look or ''), user ~= '' and user or nil
end

local known_bands = {}
local function turns_of(q, type, priority)
    local name = band_key(q, 'turns', type, priority)
    local b = known_bands[name]
    if not b then
        b = {q = q, type = type, priority = priority, turns = name, users = band_key(q, 'users', type, priority),
             rests = band_key(q, 'rests', type, priority), clock = band_key(q, 'clock', type, priority)}
        known_bands[name] = b
        read_clock(b)
    end
    return b
end

-- What there is to remember: nothing, when nobody waits.
local function write_clock(b)
    local waits = redis.call('EXISTS', b.turns) == 1
    if not waits and b.plain.turn < 0 then
        redis.call('DEL', b.clock, b.rests)
        b.now, b.last, b.comers, b.plain.tag = 0, 0, 0, 0
        return
    end
    local text = table.concat({text_of(b.now), text_of(b.last), text_of(b.comers), text_of(b.plain.tag),
                               text_of(b.plain.turn)}, ' ')
    if b.look then
        text = table.concat({text, text_of(b.look), b.oldest_user}, ' ')
    end
    if waits then
        redis.call('SET', b.clock, text)
    else
        redis.call('SET', b.clock, text, 'PX', RESTS_MS)
    end
end

-- Its line has jobs again.
local function user_comes(b, user)
    local rest = redis.call('ZSCORE', b.rests, user)
    local flow = {tag = math.min(tonumber(rest or 0), b.now + SHARE_UNIT)} -- none is further on, unless a clock was lost
    share_enter(b, flow)
    redis.call('ZADD', b.turns, text_of(flow.tag), member_of(flow.turn, user))
    redis.call('HSET', b.users, user, string.format('%016.0f', flow.turn))
    if rest then
        redis.call('ZREM', b.rests, user)
    end
    b.changed = true
end

-- Its line is empty, without a start.
local function user_goes(b, user)
    local turn = redis.call('HGET', b.users, user)
    if not turn then
        return
    end
    local member = turn .. ' ' .. user
    local tag = tonumber(redis.call('ZSCORE', b.turns, member) or 0)
    redis.call('ZREM', b.turns, member)
    redis.call('HDEL', b.users, user)
    if tag > b.now then
        redis.call('ZADD', b.rests, text_of(tag), user)
        redis.call('PEXPIRE', b.rests, RESTS_MS)
    end
    b.changed = true
end

local lines = {} -- list -> what it gets
-- Without an id: the caller writes into what it answers, and counts, himself.
local function note_line(q, id, type, priority, user, in_front)
    local list = line_of(q, type, priority, user)
    local l = lines[list]
    if not l then
        l = {q = q, type = type, priority = priority, user = user}
        lines[list] = l
    end
    if not id then
        tails[list] = tails[list] or {}
        return tails[list]
    end
    note_push(in_front and heads or tails, list, id)
    note_count(q, type, priority, 1, true)
end

-- Was it in its line? One that is too long to be searched is thought to hold it.
local function leave_line(q, id, type, priority, user)
    local list = line_of(q, type, priority, user)
    if unnote(list, id) then
        note_count(q, type, priority, -1, true)
        return true
    end
    local length = redis.call('LLEN', list)
    if length == 0 or (length <= SEARCHED_MAX and redis.call('LREM', list, 1, id) == 0) then
        return false
    end
    note_count(q, type, priority, -1, true)
    if length == 1 then
        user_goes(turns_of(q, type, priority), user)
    end
    return true
end

-- Before the lists are written: who has none yet comes.
local function finish_lines()
    for list, l in pairs(lines) do
        if ((tails[list] and tails[list][1]) or (heads[list] and heads[list][1])) and redis.call('EXISTS', list) == 0 then
            user_comes(turns_of(l.q, l.type, l.priority), l.user)
        end
    end
    for _, b in pairs(known_bands) do
        if b.changed then
            write_clock(b)
        end
    end
end
in_lines = {takes_turns = takes_turns, note = note_line, leave = leave_line, finish = finish_lines}
