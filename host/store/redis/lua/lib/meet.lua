-- A new job whose dedup key is held: what it does about that (lib/dedup.lua says what), and what it answers.
--   REPEATED's kind     its code alone
--   DUPLICATE, HELD     holder, its state; and if it has changed the holder: when that is due ('' = now), and its files
--                       before that, as it named them
--   NEW                 its code alone; or whom it replaced, and where that is now
--   OTHER_FILES         holder: its files have to be held under that id
--   NOT_TOLD            its code alone: it is a job of another tenant's
local OTHER_FILES, NOT_TOLD = 7, 10 -- op_submit.c knows them

-- A job that came by a spool was accepted all the same, and ends here.
local function end_as_duplicate(it, winner)
    local q, job = it.q, it.q.job .. it.id
    write_job(it, 'duplicate')
    redis.call('HSET', job, 'duplicateOf', winner, 'updatedAt', text_of(now))
    if it.keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + it.keep_ms))
    end
    enter(q, it.id, 'duplicate', it.type, it.priority, it.keep_ms)
    finish_job(q, it.id, 'duplicate', it.keep_ms, nil, 0, it.tombstone)
end

-- One that has not begun ends: store/replaced.h has the same words.
local function end_replaced(it, id)
    local q, job = it.q, it.q.job .. id
    local is = redis.call('HMGET', job, 'status', 'type', 'priority', 'key', 'tombstone', 'rev', 'claim',
                          'schedule', 'user', 'flow', 'parent', 'flowQueue', 'opened')
    if is[1] == 'parked' then
        end_any_wait(q, id)
    end
    redis.call('HDEL', job, 'dueAt', 'parked', 'waitKey', 'waitFor', 'errorScope')
    redis.call('HSET', job, 'status', 'cancelled', 'rev', (tonumber(is[6]) or 1) + 1, 'claim', is[7] or NO_CLAIM,
               'duplicateOf', it.id, 'updatedAt', text_of(now), 'errorClass', 'permanent', 'errorCode', 'replaced',
               'error', 'job ' .. it.id .. ' took its key before it began')
    if it.keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + it.keep_ms))
    end
    leave(q, id, is[1], is[2], is[3], is[9])
    enter(q, id, 'cancelled', is[2], is[3], it.keep_ms)
    finish_job(q, id, 'cancelled', it.keep_ms, is[4], 0, is[5])
    end_scheduled(q, id, is[8])
    flow.ended(q, id, 'cancelled', flow.of(is[10], is[11]), is[12], is[13])
    q.waited = q.waited and q.waited - 1
end

local function ask_replaced(it, id)
    local job = it.q.job .. id
    if redis.call('HEXISTS', job, 'ask') == 0 then
        redis.call('HSET', job, 'ask', text_of(now) .. ' ' .. text_of(it.keep_ms), 'duplicateOf', it.id)
    end
    publish('c', it.q.name, id)
end

local function replace(it, id, verdict, room)
    local code = insert_new(it, room, verdict == DEDUP_CANCELS and 1 or 0)
    if code ~= NEW or verdict == DEDUP_TAKES then
        return code
    elseif verdict == DEDUP_ASKS then
        ask_replaced(it, id)
        return code, id, 'running'
    end
    end_replaced(it, id)
    return code, id, 'cancelled'
end

-- When the debounced job `old` is due with these words: unix ms, or nil, now.
local function due_of(it, id, old)
    local ttl, due = tonumber(old.keyTtl or it.usual_ttl or 0), it.due
    if due and ttl > 0 then
        due = math.min(due, made_at(id) + ttl)
    end
    return due and due > now and due or nil
end

-- What is a job's own for life, whatever words it gets.
local function keep_own(q, job, old)
    local flow = redis.call('HGET', job, 'flow')
    for _, name in ipairs({'keyTtl', 'flow', 'flowQueue', 'parent'}) do
        if old[name] then
            redis.call('HSET', job, name, old[name])
        else
            redis.call('HDEL', job, name)
        end
    end
    note_bytes(q, 'jobs', #(old.flow or '') - #(flow or ''))
end

-- The job of `id` with the words of `it`: its hash anew, but for what is its own for life.
local function rewrite(it, id, old, status, due)
    local job, own, tombstone = it.q.job .. id, it.id, it.tombstone
    redis.call('DEL', job)
    if old.payloadBytes then
        redis.call('UNLINK', it.q.j .. 'payload:' .. id)
    end
    it.id, it.tombstone = id, old.tombstone
    write_job(it, status)
    it.id, it.tombstone = own, tombstone -- the next item may share them
    it.q.new[#it.q.new] = nil            -- it is in the index already
    redis.call('HSET', job, 'id', id, 'createdAt', old.createdAt, 'rev', (tonumber(old.rev) or 1) + 1,
               'claim', old.claim or NO_CLAIM, 'deadline', it.deadline or '0', 'latest', own, 'updatedAt', text_of(now))
    keep_own(it.q, job, old)
    if due then
        redis.call('HSET', job, 'dueAt', text_of(due))
    else
        redis.call('HSET', job, 'ready', old.status == 'queued' and (old.ready or old.createdAt) or text_of(now))
    end
end

local function update(it, id, room)
    local q, old = it.q, fields_of(it.q.job .. id)
    local had = bytes_of(old, tonumber(it.overhead))
    if is_over(q, it.bytes - had, room) then
        return OVER_BUDGET
    elseif it.files_of and it.files_of ~= id then
        return OTHER_FILES, id, old.status
    end
    local due = due_of(it, id, old)
    local status, priority = due and 'scheduled' or 'queued', old.priority or false
    local same_line = old.user == it.user or not in_lines.takes_turns(q)
    local stays = not due and old.status == 'queued' and old.type == it.type and priority == it.priority and same_line
    rewrite(it, id, old, status, due)
    note_bytes(q, 'jobs', -had)
    if not stays then
        leave(q, id, old.status, old.type, priority, old.user)
        enter(q, id, status, it.type, it.priority, due, nil, it.user)
    end
    return DUPLICATE, id, status, due and text_of(due) or '', old.files or ''
end

meet = function(it, id, room)
    local is = redis.call('HMGET', it.q.job .. id, 'status', 'keyMode', 'claim', 'latest')
    local state = is[1] or 'succeeded' -- one that is deleted already
    local verdict = dedup_decide(it.mode, is[2], state, (read_claim(is[3])) > 0, is[4] == it.id)
    local free = verdict == DEDUP_TAKES and is[2] == 'debounce' -- until it was claimed; what a success keeps is its own
    if it.bound and not free and redis.call('HGET', it.q.job .. id, 'user') ~= it.bound then
        return NOT_TOLD
    elseif it.comes == 'spooled' and verdict ~= DEDUP_TAKES then
        if is_over(it.q, it.bytes, room) then
            return OVER_BUDGET
        end
        end_as_duplicate(it, id)
        return DUPLICATE, id, state
    elseif verdict == DEDUP_STAYS then
        return DUPLICATE, id, state
    elseif verdict == DEDUP_REFUSED then
        return HELD, id, state
    elseif verdict == DEDUP_UPDATED then
        return DUPLICATE, id, state, '', ''
    elseif verdict == DEDUP_UPDATES then
        return update(it, id, room)
    end
    return replace(it, id, verdict, room)
end
