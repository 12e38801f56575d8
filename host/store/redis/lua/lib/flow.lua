-- Flows: how an opener's members stand, in the place of the opener's queue (host/core/flow.h decides the same in C).
--   S'flow:<opener>'         HASH  the counts, and what is asked for: docs/redis-keys.md
--   S'flow:<opener>:made'    LIST  16 bytes of the id of each member
--   S'flow:<opener>:ended'   LIST  the same of those that have ended, and a digit: how
--   S'flow:<opener>:back'    HASH  of who was revived: so many from the list's beginning on are not about it any more
--   S'flows:walk'            SET   openers whose members are to be cancelled
--   S'flows:cancel'          SET   the same of hosts of before, who do not go on through members that have ended
--
-- What a script does to a flow is gathered, and written once by flow.finish(), in front of finish(). What becomes of a
-- member in another queue goes by that queue's outbox. An entry of an outbox counts once: the flow remembers the last one
-- of each queue, and they come in order.
local flow = {}
local FLOW_FIELDS = {'made', 'succeeded', 'dead', 'cancelled', 'duplicate', 'opener', 'onDead', 'closed', 'then',
                     'thenMade', 'died', 'walked', 'thenAsked', 'deep'}
local COUNTS = 5 -- the first of them
local ENDED_AS = {succeeded = '4', dead = '5', cancelled = '6', duplicate = '7'} -- enum job_state
local flows = {} -- of this call: key -> what is known of it, or false

local function put(f, name, value)
    f[name], f.set[name], f.gone[name] = value, value, nil
    f.touched = true
end
local function drop(f, name)
    f[name], f.set[name], f.gone[name] = nil, nil, true
    f.touched = true
end
local function add(f, name, n)
    put(f, name, f[name] + n)
end

local function open_of(f)
    return math.max(f.made - f.succeeded - f.dead - f.cancelled - f.duplicate, 0)
end
local function has_failed(f)
    return f.onDead == 'fail' and f.dead > 0
end
local function cancels(f)
    return f.opener == 'cancelled' or has_failed(f)
end
local function grows(f)
    return not f.closed and not cancels(f)
end
local WAKES, CLOSES = 1, 2 -- enum flow_fate; 0: it goes on
local function fate_of(f)
    if f.closed or open_of(f) > 0 then
        return 0
    elseif not f.opener then
        return WAKES
    end
    return f.deep and cancels(f) and 0 or CLOSES
end
local THEN_NOT, THEN_OPENER_DEAD, THEN_CHILD_DEAD = 1, 2, 3 -- enum flow_then; 0: it runs
local function then_of(f)
    return f.opener == 'cancelled' and THEN_NOT or f.opener == 'dead' and THEN_OPENER_DEAD or has_failed(f) and THEN_CHILD_DEAD or 0
end
local function leaves(f)
    return f.opener ~= 'cancelled' and (f.deep and true or not f.closed and fate_of(f) ~= CLOSES)
end
local function follows(f)
    if not f.opener then
        return false
    end
    return f.closed and (f.deep and true or open_of(f) > 0) or not f.closed and f.opener ~= 'cancelled'
end

-- A host of before has been through its members, and not through those that had ended.
local function is_half_walked(f)
    return f.deep and f.walked == 'over' and not f.closed and cancels(f)
end

-- The flow of an opener, or nil. `opens`: it may begin here.
local function load(q, id, opens)
    local key = q.s .. 'flow:' .. id
    local f = flows[key]
    if f == nil then
        local is = redis.call('HMGET', key, unpack(FLOW_FIELDS))
        f = is[1] and {q = q, id = id, key = key, set = {}, gone = {}, raws = {}, ended = {}, back = {}, from = {}} or false
        for i, name in ipairs(f and FLOW_FIELDS or {}) do
            f[name] = i <= COUNTS and tonumber(is[i] or 0) or is[i] or nil
        end
        flows[key] = f
    end
    if not f and opens then
        f = {q = q, id = id, key = key, set = {made = 0}, gone = {}, raws = {}, ended = {}, back = {}, from = {},
             made = 0, succeeded = 0, dead = 0, cancelled = 0, duplicate = 0, touched = true}
        flows[key] = f
    end
    return f or nil
end

-- 16 bytes of an id's text.
local function raw_of(id)
    return (string.gsub(string.gsub(id, '-', ''), '%x%x', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Whose member a job is by its fields `flow` and `parent`, or nil.
function flow.of(is_flow, parent)
    return is_flow and is_flow == parent and is_flow or nil
end

-- 1: it grows, 0: not any more, nil: there is none.
function flow.grows(q, id, opens)
    local f = load(q, id, opens)
    return f and (grows(f) and 1 or 0)
end

function flow.add(q, id, raw)
    local f = load(q, id)
    add(f, 'made', 1)
    f.raws[#f.raws + 1] = raw
end

-- What its opener asks for. The first `next` stays.
function flow.ask(q, id, on_dead, next_id, next_job)
    local f = load(q, id, true)
    if on_dead then
        put(f, 'onDead', on_dead)
    end
    if next_id and not f['then'] then
        put(f, 'then', next_id)
        f.set.thenJob = next_job
        put(f, 'thenAsked', text_of(now))
    end
end

-- Does it cancel those that have not begun? `queue`: where it is, if not with q; an outbox brings its members from there.
function flow.cancels(q, id, queue)
    for i = 1, #queues do
        q = queues[i].name == queue and queues[i] or q
    end
    local f = load(q, id)
    return f and not f.closed and cancels(f)
end

function flow.is_open(q, id)
    local f = load(q, id)
    return f and not f.closed
end

-- Has the opener somebody to wait for?
function flow.waits(q, id)
    local f = load(q, id)
    return f and open_of(f) > 0
end

local function post(q, ...)
    redis.call('XADD', q.s .. 'outbox', '*', ...)
    publish('o', q.name)
end

-- `deep`: what it made is not over with it.
local function member_ended(f, member, became, deep)
    if not f then
        return
    end
    if deep and not f.deep and (f.closed or f.walked ~= 'over') then
        put(f, 'deep', '1')
    end
    f.rests = f.rests or f.closed -- its lists go with it, however late they came to be
    add(f, became, 1)
    f.ended[#f.ended + 1] = raw_of(member) .. ENDED_AS[became]
    if became == 'dead' and not f.died then
        put(f, 'died', member)
    end
end

-- No host looks there for its members any more.
local function forget_walk(q, id)
    redis.call('SREM', q.s .. 'flows:walk', id)
    redis.call('SREM', q.s .. 'flows:cancel', id)
end

-- Whether its members are to be cancelled is asked anew.
local function walk_no_more(f)
    if f.walked then
        drop(f, 'walked')
        forget_walk(f.q, f.id)
    end
end

-- It was revived: as if it had not ended. A flow that is closed stays so, but may be opened again.
local function member_back(f, member, was)
    if not f or not ENDED_AS[was] then
        return
    end
    f.rests = f.rests or f.closed
    add(f, was, -1)
    f.listed = f.listed or redis.call('LLEN', f.key .. ':ended')
    f.back[#f.back + 1] = raw_of(member)
    f.back[#f.back + 1] = f.listed + #f.ended
    if f.died == member then
        drop(f, 'died')
    end
    if not f.closed then
        walk_no_more(f)
    end
end

-- Closed it is kept for a while, and no longer.
local function reopen(f)
    drop(f, 'closed')
    walk_no_more(f)
    for _, of in ipairs({'', ':made', ':ended', ':back'}) do
        redis.call('PERSIST', f.key .. of)
    end
end

-- A job has ended. `of`: whose member it is, in which queue that one is if in another; `opens`: it may have opened a
-- flow; `asked`: it had been asked to end, so that one is cancelled whatever it ended as.
function flow.ended(q, id, status, of, queue, opens, asked)
    local own, deep = opens and load(q, id), false
    if own then
        put(own, 'opener', asked and 'cancelled' or status)
        own.rests = true
        deep = leaves(own)
    end
    if of and queue and queue ~= q.name then
        post(q, 'flow', of, 'to', queue, 'member', id, 'became', status, unpack(deep and {'deep', '1'} or {}))
    elseif of then
        member_ended(load(q, of), id, status, deep)
    end
end

-- A job has ended, and the flow above it cancels: what it has made is cancelled too.
function flow.cancel(q, id)
    local f = load(q, id)
    if f and follows(f) then
        put(f, 'opener', 'cancelled')
        if f.closed then
            reopen(f)
        end
        f.rests = true
    end
end

-- FLOW_CANCEL has been through all of its members.
function flow.walked(q, id)
    local f = load(q, id)
    put(f, 'walked', 'over')
    drop(f, 'deep')
    forget_walk(q, id)
end

-- FLOW_CANCEL finds that nobody goes through it: it begins anew, or is not looked at again.
function flow.walk_again(q, id)
    local f = load(q, id)
    if not f or not is_half_walked(f) then
        forget_walk(q, id)
        return
    end
    f.walked = '0'
    redis.call('HSET', f.key, 'walked', '0')
    redis.call('HINCRBY', f.key, 'walks', 1)
end

-- It runs again.
function flow.revived(q, id, was, of, queue, opens)
    local own = opens and load(q, id)
    if own then
        drop(own, 'opener')
        reopen(own)
    end
    if of and queue and queue ~= q.name then
        post(q, 'flow', of, 'to', queue, 'member', id, 'became', 'back', 'was', was)
    elseif of then
        member_back(load(q, of), id, was)
    end
end

-- Is the entry of another queue's outbox one that has not counted yet?
local function is_news(f, from, entry)
    local field = 'from ' .. from
    local last = f.from[field] or redis.call('HGET', f.key, field) or '0-0'
    local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
    local last_ms, last_seq = string.match(last, '^(%d+)-(%d+)$')
    ms, seq, last_ms, last_seq = tonumber(ms), tonumber(seq), tonumber(last_ms), tonumber(last_seq)
    f.from[field] = (ms > last_ms or (ms == last_ms and seq > last_seq)) and entry or last
    if f.from[field] == entry and entry ~= last then
        f.set[field] = entry
        f.touched = true
        return true
    end
    return false
end

-- From an outbox: what became of a member, and whether what it made is not over with it.
function flow.told(q, id, from, entry, member, became, was, deep)
    local f = load(q, id)
    if not f or not is_news(f, from, entry) then
        return
    end
    if became == 'back' then
        member_back(f, member, was)
    else
        member_ended(f, member, became, deep)
    end
end

-- From an outbox: a member that another one made; the words of its parcel are in ARGV. It goes on to its queue.
function flow.joined(q, id, from, entry, raw, first, last)
    local f = load(q, id)
    if not f or not is_news(f, from, entry) or flow.grows(q, id) == 0 then
        return
    end
    flow.add(q, id, raw)
    post(q, unpack(ARGV, first, last))
end

local function wake(f)
    local q, job = f.q, f.q.job .. f.id
    local is = redis.call('HMGET', job, 'status', 'parked', 'type', 'priority', 'rev', 'claim', 'user')
    if is[1] ~= 'parked' or is[2] ~= 'children' then
        return
    end
    redis.call('HDEL', job, 'parked', 'waitKey', 'waitFor', 'dueAt')
    redis.call('HSET', job, 'status', 'queued', 'rev', (tonumber(is[5]) or 1) + 1, 'ready', text_of(now),
               'updatedAt', text_of(now), 'claim', is[6] or NO_CLAIM)
    leave(q, f.id, 'parked')
    enter(q, f.id, 'queued', is[3], is[4], nil, nil, is[7])
    publish('r', q.name, is[3]) -- who ended the last one does not know of this one
end

-- "<length>:<bytes>" one after the other.
local function words_of(text)
    local words, at = {}, 1
    while at <= #text do
        local length, colon = string.match(text, '^(%d+)():', at)
        words[#words + 1] = string.sub(text, colon + 1, colon + length)
        at = colon + 1 + length
    end
    return words
end

-- Its times count from now.
local function shift(words, by, id)
    local deadline = false
    for i = 1, #words, 2 do
        local name = words[i]
        if name == 'dueAt' or name == 'expires' or name == 'deadline' then
            words[i + 1] = words[i + 1] == '0' and '0' or text_of(tonumber(words[i + 1]) + by)
            deadline = deadline or name == 'deadline'
        end
    end
    if not deadline then -- as usual: a day from its making
        words[#words + 1] = 'deadline'
        words[#words + 1] = text_of(made_at(id) + 86400000 + by)
    end
end

-- Not of one that was cancelled. Of one that is dead it does not run, and is seen among the dead.
local function make_next(f)
    local how = then_of(f)
    if not f['then'] or f.thenMade or how == THEN_NOT then
        return
    end
    local words = words_of(redis.call('HGET', f.key, 'thenJob') or '')
    shift(words, now - tonumber(f.thenAsked), f['then'])
    words[#words + 1] = 'ready'
    words[#words + 1] = text_of(now)
    local why = how == THEN_OPENER_DEAD and {'opener_dead', 'job ' .. f.id .. ', which opened the flow, is dead'} or
                how == THEN_CHILD_DEAD and {'child_dead', 'job ' .. (f.died or '?') .. ' of the flow is dead'}
    if why then
        words[#words + 1] = 'dies'
        words[#words + 1] = why[1]
        words[#words + 1] = 'why'
        words[#words + 1] = why[2]
    end
    put(f, 'thenMade', '1')
    post(f.q, unpack(words))
end

-- An opener stays as long as its flow is open, and goes with it.
local function keep(f)
    local q, is = f.q, redis.call('HMGET', f.q.job .. f.id, 'deleteAt', 'status')
    local at, status = is[1], is[2] -- it may have ended otherwise than its flow
    if not f.closed or not at then
        set_ttl(q, f.id, 0)
        return
    end
    local keep_ms = math.max(tonumber(at) - now, 1)
    set_ttl(q, f.id, keep_ms)
    if FINAL[status] then -- SWEEP may have put it off for longer than Redis will
        redis.call('ZADD', q.s .. (status == 'dead' and 'dlq:expiry' or ZSET_OF[status]), 'XX',
                   text_of(now + keep_ms), f.id)
    end
    for _, key in ipairs({f.key, f.key .. ':made', f.key .. ':ended', f.key .. ':back'}) do
        redis.call('PEXPIRE', key, text_of(keep_ms + KEEP_MORE_MS))
    end
end

local function settle(f)
    local fate = fate_of(f)
    if fate == CLOSES then
        if f.walked and f.walked ~= 'over' then
            forget_walk(f.q, f.id)
        end
        put(f, 'closed', text_of(now))
        put(f, 'walked', 'over')
        f.rests = true
        return
    end
    f.wakes = fate == WAKES
    if (not f.wakes or f.deep) and not f.closed and cancels(f) and (not f.walked or is_half_walked(f)) then
        put(f, 'walked', '0')
        redis.call('HINCRBY', f.key, 'walks', 1)
        redis.call('SADD', f.q.s .. 'flows:walk', f.id)
        publish('o', f.q.name)
    elseif f.set.deep and f.walked and f.walked ~= 'over' then -- so that is_half_walked() is asked
        redis.call('SADD', f.q.s .. 'flows:walk', f.id)
    end
end

local function push(key, list)
    for i = 1, #list, 5000 do
        redis.call('RPUSH', key, unpack(list, i, math.min(i + 4999, #list)))
    end
end

local function write(f)
    local set, gone = {}, {}
    for name, value in pairs(f.set) do
        set[#set + 1] = name
        set[#set + 1] = value
    end
    for name in pairs(f.gone) do
        gone[#gone + 1] = name
    end
    if #set > 0 then
        redis.call('HSET', f.key, unpack(set))
    end
    if #gone > 0 then
        redis.call('HDEL', f.key, unpack(gone))
    end
    push(f.key .. ':made', f.raws)
    push(f.key .. ':ended', f.ended)
    if #f.back > 0 then
        redis.call('HSET', f.key .. ':back', unpack(f.back))
    end
end

-- FSCK: what should have followed from how it stands follows now.
function flow.mend(q, id)
    local f = load(q, id)
    drop(f, 'closed') -- once more; what has been made is not made again
    if f.deep then
        walk_no_more(f)
    end
end

function flow.finish()
    for _, f in pairs(flows) do
        if f and f.touched then
            settle(f)
            write(f)
            if f.closed then
                make_next(f)
                f.raws, f.ended, f.back, f.gone = {}, {}, {}, {}
                f.set = {thenMade = f.thenMade}
                write(f)
            elseif f.wakes then
                wake(f)
            end
            if f.rests then
                keep(f)
            end
        end
    end
end
