-- Schedules by their ids. Which queue one is in says the index, and the queue's prefix says jh:queues:
-- that goes for queues, too, that the caller has not heard of.
--   jh:schedules            HASH    id -> queue
--   jh:schedules:changed    STRING  how many changes of definitions and pauses there were
--   S'schedule:<id>'        HASH    revision, definition, by, api, stored; paused, pausedBy, pausedWhy, resumed;
--                                   removed; by the names of verdicts how many times became that
--   S'ledger:<id>'          STREAM  its rows
--   S'fired:<id>'           HASH    "<revision> <key>" -> "<verdict> <job, or ->"
--   S'times:<id>'           ZSET    rows of this revision that say where it is -> the time they say
local AHEAD_MS = 86400000 -- SCHEDULE_AHEAD_MS
local PARTS = {'schedule:', 'ledger:', 'fired:', 'times:'}

local function structures_of(queue)
    local keys = redis.call('HGET', 'jh:queues', queue)
    local prefix = keys and string.match(keys, '^([^\n]*)\n') or ''
    if prefix == '' then
        return 'jobs:' .. queue .. ':', ''
    end
    return prefix .. 'jobs:', prefix
end

-- S, J and the name of its queue; nil: it is not known.
local function find_schedule(id)
    local queue = redis.call('HGET', 'jh:schedules', id)
    if not queue then
        return nil
    end
    local s, j = structures_of(queue)
    return s, j, queue
end

-- All hosts are told of a change: one that misses a number looks at all of them.
local function tell_schedule(id, queue)
    local change = redis.call('INCR', 'jh:schedules:changed')
    redis.call('PUBLISH', 'jh:wake', table.concat({'s', queue, id, text_of(change)}, ' '))
end

-- The row that says where the schedule is, and the time that it says.
local function last_of(s, id)
    local row = redis.call('ZREVRANGEBYSCORE', s .. 'times:' .. id, text_of(now + AHEAD_MS), '-inf', 'WITHSCORES',
                           'LIMIT', 0, 1)
    return row[1], row[2]
end

-- One that was removed goes with its last row.
local function forget_schedule(s, id)
    if redis.call('HEXISTS', s .. 'schedule:' .. id, 'removed') == 1 and
       redis.call('XLEN', s .. 'ledger:' .. id) == 0 then
        for _, part in ipairs(PARTS) do
            redis.call('DEL', s .. part .. id)
        end
        redis.call('HDEL', 'jh:schedules', id)
    end
end
