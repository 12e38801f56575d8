-- use: queue place
-- FSCK: keys that hang on a job, met in a walk through all keys: is there such a job, and does it know?
--   ARGV   mend (1, 0); the number of items; items: queue, id, which (SIDE's field, 'idx', or 'once': its key is
--          written as an id is)
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

-- S..once:<key> names a job, which may be gone, and has an end.
local ONCE_MAX_MS = 2678400000 -- store.h: STORE_ONCE_KEEP_MAX_MS
local function check_once(q, id)
    local key = q.s .. 'once:' .. string.gsub(id, '-', '')
    local held, ttl = redis.call('GET', key), redis.call('PTTL', key)
    if not held then
        return {}
    elseif #held ~= 53 or not string.find(held, '^[%x-]+ %x+$') then
        if mend then
            redis.call('DEL', key)
        end
        return {'once_damaged', key, mend and 1 or 0}
    elseif ttl >= 0 and ttl <= ONCE_MAX_MS then
        return {}
    end
    if mend then
        redis.call('PEXPIRE', key, text_of(ONCE_MAX_MS))
    end
    return {'once_too_long', key .. (ttl < 0 and ': for ever' or ''), mend and 1 or 0}
end

local looks = {idx = function(_, id) return check_index(id) end, once = check_once}

local reply = {}
for i = 1, take_number() do
    local q, id, field = queues[take()], take(), take()
    reply[i] = (looks[field] or check_side)(q, id, field)
end
return reply
