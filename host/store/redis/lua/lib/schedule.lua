-- Unfinished jobs of schedules, in the queue's own place:
--   S'unfinished:<schedule>'   ZSET  id -> 0, or its turn among those that wait for the others

local function unfinished_of(q, schedule)
    return q.s .. 'unfinished:' .. schedule
end

local function add_unfinished(q, schedule, id, waits)
    local key, turn = unfinished_of(q, schedule), 0
    if waits then
        local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
        turn = text_of(math.max(tonumber(last[2] or 0), 0) + 1)
    end
    redis.call('ZADD', key, turn, id)
end

-- One that waited does so no more; one that is over, or gone, holds up nobody.
local function let_go(q, schedule, id)
    local key, job = unfinished_of(q, schedule), q.job .. id
    local is = redis.call('HMGET', job, 'status', 'type', 'priority', 'rev', 'claim', 'parked', 'user')
    if not is[1] or FINAL[is[1]] then
        redis.call('ZREM', key, id)
        return
    end
    redis.call('ZADD', key, 0, id)
    if is[1] == 'parked' and is[6] == 'schedule' then
        redis.call('HDEL', job, 'parked', 'waitKey')
        redis.call('HSET', job, 'status', 'queued', 'rev', (tonumber(is[4]) or 1) + 1, 'ready', text_of(now),
                   'updatedAt', text_of(now), 'claim', is[5] or NO_CLAIM)
        leave(q, id, 'parked')
        enter(q, id, 'queued', is[2], is[3], nil, nil, is[7])
        publish('r', q.name, is[2]) -- who ended the other one does not know of this one
    end
end

-- The first that waits becomes queued, if none is left that it waits for.
local function next_begins(q, schedule)
    local key = unfinished_of(q, schedule)
    local id = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    while id[1] and id[2] ~= '0' do
        let_go(q, schedule, id[1])
        id = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    end
end

-- A job has ended. `schedule`: as it is stored, or false.
local function end_scheduled(q, id, schedule)
    if schedule then
        redis.call('ZREM', unfinished_of(q, schedule), id)
        next_begins(q, schedule)
    end
end
