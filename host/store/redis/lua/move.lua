-- use: queue claim place unwait (share users) ending schedule flow step
-- MOVE: jobs that C has read and decided upon, if they are as it read them.
--   ARGV   the number of items; items: queue, id, and one of
--            ask   how long it is kept then (ms): a running job is asked to end
--            through  nothing: one that has ended, and its flow is cancelled
--            move  the revision that was read  from  to  type  priority  user ('' = nobody's)
--                  when it is due, how long it is kept (ms), or ''  dedup key ('' = none)
--                  1 = its steps are dropped  a step that it finds, and its value ('' = none, and no value)
--                  the event that it was parked for ('' = none)
--                  n  n names and values that change;  n  n names that go
--   reply  for each item 1, or 0: it is not as it was read
local function ask(q, id)
    local key, keep_ms = q.job .. id, take()
    local has = redis.call('HMGET', key, 'status', 'ask')
    if has[1] ~= 'running' then
        return 0
    end
    if not has[2] then -- who asks first says how long it is kept
        redis.call('HSET', key, 'ask', text_of(now) .. ' ' .. keep_ms)
    end
    publish('c', q.name, id)
    return 1
end

local function take_move()
    local it = {rev = take_number(), from = take(), to = take(), type = take(), priority = take(), user = take(),
                at = take_number(), key = take(), drop = take() == '1', step = take()}
    it.value = it.step ~= '' and take()
    it.event = take()
    it.priority = it.priority ~= '' and it.priority
    it.user = it.user ~= '' and it.user
    it.first, it.last = take_range(take_number())
    it.gone_first, it.gone_last = take_range(take_number())
    return it
end

local function drop_steps(q, id, key)
    note_bytes(q, 'jobs', -(tonumber(redis.call('HGET', key, 'stepBytes')) or 0))
    redis.call('DEL', q.j .. 'steps:' .. id, q.j .. 'steps:' .. id .. ':names')
    redis.call('HDEL', key, 'steps', 'stepBytes')
end

-- This move's own step stands there: it has been here before.
local function was_moved(q, id, it)
    return it.value and redis.call('HGET', q.j .. 'steps:' .. id, it.step) == it.value
end

local function move(q, id)
    local it, key = take_move(), q.job .. id
    local has = redis.call('HMGET', key, 'status', 'rev', 'tombstone', 'claim', 'schedule', 'flow', 'parent', 'flowQueue',
                           'opened')
    if has[1] ~= it.from or revision(has[2], has[4]) ~= it.rev or (it.from == it.to and it.value) then
        return was_moved(q, id, it) and 1 or 0
    end
    if it.drop then
        drop_steps(q, id, key)
    end
    if it.gone_last >= it.gone_first then
        redis.call('HDEL', key, unpack(ARGV, it.gone_first, it.gone_last))
    end
    redis.call('HSET', key, 'status', it.to, 'rev', (tonumber(has[2]) or 1) + 1,
               'claim', has[4] or NO_CLAIM, unpack(ARGV, it.first, it.last))
    if it.value then
        put_step(q, id, it.step, it.value)
    end
    if it.event ~= '' and it.to ~= 'parked' then
        end_wait(q, id, it.event)
    end
    leave(q, id, it.from, it.type, it.priority, it.user)
    enter(q, id, it.to, it.type, it.priority, it.at, nil, it.user)
    if FINAL[it.to] then
        finish_job(q, id, it.to, it.at, it.key, 0, has[3])
        end_scheduled(q, id, has[5])
        flow.ended(q, id, it.to, flow.of(has[6], has[7]), has[8], has[9])
    elseif FINAL[it.from] then
        set_ttl(q, id, 0)
        flow.revived(q, id, it.from, flow.of(has[6], has[7]), has[8], has[9])
        if it.key ~= '' and not holder_of(q, it.key) then
            hold_key(q, id, it.key)
        end
    end
    if has[5] and not FINAL[it.to] and (FINAL[it.from] or (it.from == 'parked' and it.to ~= 'parked')) then
        add_unfinished(q, has[5], id, false) -- it was revived, or waits no more
    end
    return 1
end

local function go_through(q, id)
    if not FINAL[redis.call('HGET', q.job .. id, 'status')] then
        return 0
    end
    flow.cancel(q, id)
    return 1
end

local DO = {ask = ask, move = move, through = go_through}
local reply = {}
for i = 1, take_number() do
    local q, id = queues[take()], take()
    reply[i] = DO[take()](q, id)
end
flow.finish()
finish()
return reply
