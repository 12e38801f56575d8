-- use: queue claim place (share users) ending schedule flow leases
-- RECOVER: running jobs whose lease has ended, and those of a host that is known to be gone, go back to
-- where they were, or end if they were asked to. Repeating it changes nothing.
--   ARGV   the host that asks (hex nonce; '' = it knows of no job of its own); the gone host ('' = none);
--          how many at most; for each queue the place in its processing from which the gone host's jobs are
--          looked for (-1 = not any more)
--   reply  the server's clock; when the next lease ends that is not the asking host's ('' = none); for each
--          queue the place to go on from, or -1; the jobs: queue (its number), id, type, status; HLEN jh:queues
local SCANNED = 500 -- entries of processing that are looked at for the gone host, a queue and call

local host, gone, limit = take(), take(), take_number()
local server = server_ms()
local released = {}

local function older(a, b)
    return a.ready < b.ready or (a.ready == b.ready and a.id < b.id)
end

local function read_lost(q, id)
    local is = redis.call('HMGET', q.job .. id, 'status', 'type', 'priority', 'claim', 'lost', 'executions',
                          'attempts', 'begun', 'ask', 'ready', 'createdAt', 'user')
    local token, host, number = read_claim(is[4])
    return {id = id, status = is[1], type = is[2], priority = is[3], token = token, host = host, number = number,
            lost = tonumber(is[5]) or 0, executions = tonumber(is[6] or is[7]) or 0, attempts = tonumber(is[7]) or 0,
            begun = is[8], ask = is[9], ready = tonumber(is[10] or is[11]) or 0, user = is[12]}
end

-- Its claim is over: what that attempt may still send is stale.
local function write_lost(q, job)
    local key, status = q.job .. job.id, job.ask and 'cancelled' or 'queued'
    redis.call('HSET', key, 'status', status, 'claim', claim_text(job.token + 1, '-', job.number, true),
               'updatedAt', text_of(now))
    if job.begun then
        redis.call('HSET', key, 'lost', job.lost + 1, 'executions', job.executions + 1)
        redis.call('HDEL', key, 'begun')
        if job.executions + 1 == job.attempts then -- then it has no field
            redis.call('HDEL', key, 'executions')
        end
    end
    return status
end

-- It was asked to end, and does not wait again.
local function cancel(q, job)
    local key = q.job .. job.id
    local keep_ms = tonumber(string.match(job.ask, ' (%d+)$')) or 0
    local is = redis.call('HMGET', key, 'key', 'tombstone', 'schedule', 'flow', 'parent', 'flowQueue', 'opened')
    redis.call('HDEL', key, 'ask')
    redis.call('HSET', key, 'finishedAt', text_of(now))
    if keep_ms > 0 then
        redis.call('HSET', key, 'deleteAt', text_of(now + keep_ms))
    end
    enter(q, job.id, 'cancelled', job.type, job.priority, keep_ms)
    finish_job(q, job.id, 'cancelled', keep_ms, is[1], 0, is[2])
    end_scheduled(q, job.id, is[3])
    flow.ended(q, job.id, 'cancelled', flow.of(is[4], is[5]), is[6], is[7])
end

local function release(number, q, lost)
    table.sort(lost, older)
    for i = #lost, 1, -1 do -- the oldest ends up in front
        local job = lost[i]
        local status = write_lost(q, job)
        redis.call('ZREM', q.s .. 'processing', job.id)
        if status == 'cancelled' then
            cancel(q, job)
        else
            enter(q, job.id, 'queued', job.type, job.priority, nil, true, job.user)
        end
        released[#released + 1] = {number, job.id, job.type, status}
    end
end

-- Adds one to the lost, unless the entry was left behind by a job that does not run.
local function note_lost(q, job, lost)
    if job.status == 'running' and job.type then
        lost[#lost + 1] = job
        lost[job.id] = true
    else
        redis.call('ZREM', q.s .. 'processing', job.id)
    end
end

local function ended_of(q, lost)
    local ids = redis.call('ZRANGEBYSCORE', q.s .. 'processing', '-inf', '(' .. text_of(server), 'LIMIT', 0, limit)
    for i = 1, #ids do
        note_lost(q, read_lost(q, ids[i]), lost)
    end
end

-- The jobs of the gone host from a place on; the place to go on from, or -1.
local function gone_of(q, lost, from)
    local ids = redis.call('ZRANGE', q.s .. 'processing', from, from + SCANNED - 1)
    local stay = 0
    for i = 1, #ids do
        local job = not lost[ids[i]] and read_lost(q, ids[i])
        if job and job.host == gone then
            if #lost >= limit then
                return from + stay
            end
            note_lost(q, job, lost)
        elseif job then
            stay = stay + 1
        end
    end
    return #ids == SCANNED and from + stay or -1
end

-- In jh:hosts it is told from one that took its leave, and from one that may come back (hostrow.h).
local function mark_gone()
    local row = gone ~= '' and redis.call('HGET', 'jh:hosts', gone)
    local seen = row and tonumber(string.match(row, '"seen":(%d+)'))
    local lease = row and tonumber(string.match(row, '"lease":(%d+)'))
    if seen and lease and lease > seen then
        redis.call('HSET', 'jh:hosts', gone, (string.gsub(row, '"lease":%d+', '"lease":0', 1)))
    end
end

local places, next_end = {}, nil
for i = 1, #queues do
    local q, from, lost = queues[i], take_number(), {}
    if limit > 0 then
        ended_of(q, lost)
        from = gone ~= '' and from >= 0 and gone_of(q, lost, from) or -1
        release(i, q, lost)
        limit = limit - #lost
    end
    places[i] = from
    local at = next_lease(q, host)
    if at and (not next_end or at < next_end) then
        next_end = at
    end
end
mark_gone()
flow.finish()
finish()
return {text_of(server), next_end and text_of(next_end) or '', places, released,
        redis.call('HLEN', 'jh:queues')}
