-- use: queue claim place (share users) ending packed insert schedule flow unwait (dedup weigh meet) schedules
-- FIRE: rows of ledgers, each with its job. Repeating it changes nothing: the row is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); the number of items; items: queue (its
--          number), schedule, revision, key, verdict, how many times, the first of them, the last of them, when
--          it was written, 1 = missed, reason, how many may be unfinished ('' = any number), how long what is
--          replaced is kept (ms), 1 = by hand, 1 = there is a job: lib/insert.lua
--   reply  for each {what (below), verdict, job ('' = none), 1 = it waits}; then for each queue its bytes
local WRITTEN, REPEATED_ROW, NO_SCHEDULE, STALE, PAUSED, TOO_MANY, SAME_ID = 0, 1, 2, 3, 4, 5, 6 -- op_fire.c knows these
local REASONS = {[OVER_BUDGET] = 'the store has no room for it', [FULL] = 'too many jobs wait in its queue'}

for i = 1, #queues do
    queues[i].room = take_number()
end

local function take_fire()
    local it = {q = queues[take()], schedule = take(), revision = take(), key = take(), verdict = take(),
                count = take(), nominal = take(), last = take(), actual = take(), missed = take() == '1',
                reason = take(), most = take_number(), keep_ms = take_number(), by_hand = take() == '1', id = ''}
    if take() == '1' then
        it.of, it.own = take_item()
    end
    return it
end

-- nil, or why it does not fire.
local function refusal(it)
    local q, id = it.q, it.schedule
    local has = redis.call('HMGET', q.s .. 'schedule:' .. id, 'revision', 'removed', 'paused')
    local fired = redis.call('HGET', q.s .. 'fired:' .. id, it.revision .. ' ' .. it.key)
    if fired then
        local verdict, job = string.match(fired, '^(%S+) (%S+)$')
        return {REPEATED_ROW, verdict or '', job ~= '-' and job or '', 0}
    elseif not has[1] or has[2] then
        local known = not has[2] and redis.call('HEXISTS', 'jh:schedules', id) == 1
        return {known and STALE or NO_SCHEDULE, '', '', 0} -- it may be in another queue
    elseif has[1] ~= it.revision then
        return {STALE, '', '', 0}
    elseif has[3] and not it.by_hand and it.verdict ~= 'skipped_paused' then
        return {PAUSED, '', '', 0}
    elseif it.most and redis.call('ZCARD', unfinished_of(q, id)) > it.most then
        return {TOO_MANY, '', '', 0}
    end
    return nil
end

-- What REPLACE does to another job. One that runs is asked to end.
local function cancel(q, schedule, id, keep_ms)
    local job = q.job .. id
    local is = redis.call('HMGET', job, 'status', 'type', 'priority', 'rev', 'claim', 'key', 'tombstone', 'ask',
                          'user', 'opened')
    if is[1] == 'running' then
        if not is[8] then
            redis.call('HSET', job, 'ask', text_of(now) .. ' ' .. text_of(keep_ms))
        end
        publish('c', q.name, id)
        return
    end
    redis.call('ZREM', unfinished_of(q, schedule), id)
    if not is[1] or FINAL[is[1]] then
        return
    end
    if is[1] == 'parked' then
        end_any_wait(q, id)
    end
    redis.call('HDEL', job, 'dueAt', 'parked', 'waitKey', 'waitFor')
    redis.call('HSET', job, 'status', 'cancelled', 'rev', (tonumber(is[4]) or 1) + 1, 'updatedAt', text_of(now),
               'claim', is[5] or NO_CLAIM)
    if keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + keep_ms))
    end
    leave(q, id, is[1], is[2], is[3], is[9])
    enter(q, id, 'cancelled', is[2], is[3], keep_ms)
    finish_job(q, id, 'cancelled', keep_ms, is[6], 0, is[7])
    flow.ended(q, id, 'cancelled', nil, nil, is[10])
end

local function is_running(q, id)
    return redis.call('HGET', q.job .. id, 'status') == 'running'
end

-- Will it wait? Those that are not running end at once when they are replaced.
local function will_wait(it, others)
    if it.verdict == 'queued' then
        return #others > 0
    end
    for _, id in ipairs(it.verdict == 'replace' and others or {}) do
        if is_running(it.q, id) then
            return true
        end
    end
    return false
end

-- Those before it, where they matter to it: there may be any number of them.
local function others_of(it)
    local matter = it.verdict == 'queued' or it.verdict == 'replace'
    return matter and redis.call('ZRANGE', unfinished_of(it.q, it.schedule), 0, it.verdict == 'replace' and -1 or 0) or {}
end

-- Its job: nil, or a code that means that nothing happened.
local function start(it)
    local q, job = it.q, item(it.of, it.own)
    local id = job.id
    local others = others_of(it)
    local waits = will_wait(it, others)
    job.behind = waits and it.schedule or nil
    local said = insert(job, q.room, false)
    local code = type(said) == 'table' and said[1] or said
    job.behind = nil -- the head may be another item's, too
    if code == REPEATED then
        return SAME_ID
    elseif code ~= NEW then
        it.verdict = 'refused'
        it.reason = REASONS[code] or 'its dedup key is held by ' .. said[2]
        return nil
    end
    for i = #others, 1, -1 do
        if it.verdict == 'replace' then
            cancel(q, it.schedule, others[i], it.keep_ms)
        end
    end
    add_unfinished(q, it.schedule, id, waits)
    it.id, it.waits = id, waits
    return nil
end

local function write_row(it)
    local s, id = it.q.s, it.schedule
    local row = {'revision', it.revision, 'key', it.key, 'verdict', it.verdict, 'nominal', it.nominal, 'count', it.count,
                 'actual', it.actual}
    local function add(name, value)
        row[#row + 1] = name
        row[#row + 1] = value
    end
    if not it.by_hand then
        add('last', it.last)
    end
    if it.missed then
        add('missed', '1')
    end
    if it.id ~= '' then
        add('job', it.id)
    end
    if it.reason ~= '' then
        add('reason', it.reason)
    end
    local at = redis.call('XADD', s .. 'ledger:' .. id, '*', unpack(row))
    redis.call('HSET', s .. 'fired:' .. id, it.revision .. ' ' .. it.key, it.verdict .. ' ' .. (it.id ~= '' and it.id or '-'))
    redis.call('HINCRBY', s .. 'schedule:' .. id, it.verdict, it.count)
    if not it.by_hand then
        redis.call('ZADD', s .. 'times:' .. id, it.last, at)
    end
end

local function fire(it)
    local why = refusal(it)
    if why then
        return why
    end
    local code = it.of and start(it)
    if code then
        return {code, '', '', 0}
    end
    write_row(it)
    return {WRITTEN, it.verdict, it.id, it.waits and 1 or 0}
end

local items, reply = {}, {}
for i = 1, take_number() do
    items[i] = take_fire()
end
local no_right = refuse_packed()
if no_right then
    return no_right
end
for i, it in ipairs(items) do
    reply[i] = fire(it)
end
flow.finish()
return answer_inserts(reply)
