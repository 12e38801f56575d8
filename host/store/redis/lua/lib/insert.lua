-- A new job: from SUBMIT, from a commit that has children, from the outbox.
local NEW, DUPLICATE, REPEATED, HELD, OVER_BUDGET, FULL = 0, 1, 3, 4, 5, 6 -- op_submit.c knows these

-- What comes of each item, in the order of insert.c: its words stay in ARGV.
--   queue (its number)  id  its 16 bytes  type  priority ('' = normal)  due (unix ms, '' = now)
--   dedup key ('' = none)  mode (reject, return)  spooled (1, 0)  how many may wait (0 = any)
--   its bytes for the budget  a payload too large for the hash, or ''  n  n names and values
local function take_item()
    local it = {q = queues[take_number()], id = take(), raw = take(), type = take(), priority = take(),
                due = take_number(), key = take(), mode = take(), spooled = take() == '1',
                max_waiting = take_number(), bytes = take_number(), payload = take()}
    it.priority = it.priority ~= '' and it.priority
    it.first, it.last = take_range(take_number())
    return it
end

-- The holder of a dedup key and its state, or nil.
local function holder_of(q, key)
    local held = redis.call('HGET', q.s .. 'keys', key)
    if not held then
        return nil
    end
    local expires = tonumber(string.sub(held, 38))
    if expires and expires <= now then
        return nil
    end
    local id = string.sub(held, 1, 36)
    return id, redis.call('HGET', q.j .. 'job:' .. id, 'status') or 'succeeded'
end

local function bytes_in_use(q)
    if not q.in_use then
        q.in_use = tonumber(redis.call('HGET', q.s .. 'bytes', 'jobs') or 0)
    end
    return q.in_use + (q.bytes and q.bytes.jobs or 0)
end

local function waiting(q)
    if not q.waited then
        q.waited = redis.call('ZCARD', q.s .. 'scheduled') + redis.call('ZCARD', q.s .. 'parked')
        for _, n in ipairs(redis.call('HVALS', q.s .. 'types')) do
            q.waited = q.waited + n
        end
    end
    return q.waited
end

-- The job's keys; it is in no place yet.
local function write_job(it, status)
    local q, job = it.q, it.q.j .. 'job:' .. it.id
    redis.call('HSET', job, 'id', it.id, 'status', status, unpack(ARGV, it.first, it.last))
    if it.payload ~= '' then
        redis.call('SET', q.j .. 'payload:' .. it.id, it.payload)
    end
    if q.j ~= '' then
        redis.call('SET', 'jh:idx:' .. it.id, q.name)
    end
    q.new = q.new or {}
    q.new[#q.new + 1] = it.raw
    note_bytes(q, 'jobs', it.bytes)
end

-- Its key is held: a job that came by a spool was accepted all the same, and ends here.
local function end_as_duplicate(it, winner, keep_ms)
    write_job(it, 'duplicate')
    redis.call('HSET', it.q.j .. 'job:' .. it.id, 'duplicateOf', winner, 'finishedAt', text_of(now))
    if keep_ms > 0 then
        redis.call('HSET', it.q.j .. 'job:' .. it.id, 'deleteAt', text_of(now + keep_ms))
    end
    enter(it.q, it.id, 'duplicate', it.type, it.priority, keep_ms)
    set_ttl(it.q, it.id, keep_ms)
end

-- `room`: bytes that the queue's jobs may take in all, nil = any. What became of it (see the head),
-- and of a held key who has it, and in which state.
local function insert(it, room, keep_ms)
    local q = it.q
    local tomb = it.spooled and q.s .. 'tomb:' .. it.id
    if redis.call('EXISTS', q.j .. 'job:' .. it.id) == 1 or (tomb and redis.call('EXISTS', tomb) == 1) then
        return REPEATED
    end
    if it.key ~= '' then
        local winner, state = holder_of(q, it.key)
        if winner and it.spooled then
            end_as_duplicate(it, winner, keep_ms)
            redis.call('SET', tomb, '', 'PX', 691200000)
            return DUPLICATE, winner, state
        elseif winner then
            return it.mode == 'reject' and HELD or DUPLICATE, winner, state
        end
    end
    if room and bytes_in_use(q) + it.bytes > room then
        return OVER_BUDGET
    end
    if it.max_waiting > 0 and waiting(q) >= it.max_waiting then
        return FULL
    end
    local due = it.due and it.due > now and it.due
    local status = due and 'scheduled' or 'queued'
    write_job(it, status)
    if due then
        redis.call('HSET', q.j .. 'job:' .. it.id, 'dueAt', text_of(due))
    end
    enter(q, it.id, status, it.type, it.priority, due)
    if it.key ~= '' then
        redis.call('HSET', q.s .. 'keys', it.key, it.id)
        redis.call('ZREM', q.s .. 'keys:expiry', it.key)
    end
    if tomb then
        redis.call('SET', tomb, '', 'PX', 691200000) -- 8 days: longer than a spool keeps anything
    end
    q.waited = q.waited and q.waited + 1
    return NEW
end

-- Enters the new ids into the index of all jobs. Before finish().
local function finish_inserts()
    for i = 1, #queues do
        if queues[i].new then
            redis.call('XADD', queues[i].s .. 'all', '*', 'i', table.concat(queues[i].new))
        end
    end
end
