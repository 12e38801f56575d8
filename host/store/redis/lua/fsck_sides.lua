-- use: queue place
-- FSCK: keys that hang on a job, met in a walk through all keys: is there such a job, and does it know?
--   ARGV   mend (1, 0); the number of items; items: queue, id, which (SIDE's field, or 'idx')
--   reply  for each {code, words, mended (1, 0)}, or {} when it is as it should be
local NAMES = {payloadBytes = 'payloads', steps = 'steps', warnings = 'warnings', history = 'attempts',
               log = 'logs', outputs = 'outputs', resultBytes = 'results'}
local KEY_OF = {}
for i = 1, #SIDE do
    KEY_OF[SIDE[i][1]] = SIDE[i][2]
end
local mend = take() == '1'

-- jh:idx:<id> holds the name of a queue; jh:queues has its prefix in front of a line end.
local function check_index(id)
    local name = redis.call('GET', 'jh:idx:' .. id)
    local keys = name and redis.call('HGET', 'jh:queues', name)
    local prefix = keys and string.match(keys, '^([^\n]*)\n')
    if not name or (prefix and redis.call('EXISTS', prefix .. 'job:' .. id) == 1) then
        return {}
    end
    if mend then
        redis.call('DEL', 'jh:idx:' .. id)
    end
    return {'orphan_index', 'jh:idx tells the queue of a job that there is not', mend and 1 or 0}
end

local function check_side(q, id, field)
    local key, job = q.j .. KEY_OF[field] .. id, q.job .. id
    local names = key .. ':names'
    local there = redis.call('EXISTS', key) == 1 or (field == 'steps' and redis.call('EXISTS', names) == 1)
    if not there or redis.call('HEXISTS', job, field) == 1 then
        return {}
    end
    local orphan = redis.call('EXISTS', job) == 0
    if mend then
        redis.call('DEL', key)
        if field == 'steps' then
            redis.call('DEL', names)
        end
    end
    return {(orphan and 'orphan_' or 'unknown_') .. NAMES[field],
            orphan and 'it hangs on a job that there is not' or 'its job does not know of it', mend and 1 or 0}
end

local reply = {}
for i = 1, take_number() do
    local q, id, field = queues[take()], take(), take()
    reply[i] = field == 'idx' and check_index(id) or field ~= 'idx' and check_side(q, id, field)
end
return reply
