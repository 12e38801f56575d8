-- use: queue
-- FSCK: dedup keys of a queue. A key without an end is held by a job that has not ended; one with an
-- end stands among those that end.
--   ARGV   mend (1, 0); the number of keys; keys
--   reply  for each {code, words, mended (1, 0)}, or {} when it is as it should be
local ENDED = {succeeded = true, cancelled = true, duplicate = true, dead = true}
local mend = take() == '1'
local q = queues[1]

local function check(key)
    local held = redis.call('HGET', q.s .. 'keys', key)
    if not held then
        return {}
    end
    local ends = string.match(string.sub(held, 37), '^ (%d+)$')
    if ends then
        if redis.call('ZSCORE', q.s .. 'keys:expiry', key) then
            return {}
        end
        if mend then
            redis.call('ZADD', q.s .. 'keys:expiry', ends, key)
        end
        return {'not_listed', string.format('key "%.64s" ends, and is not in keys:expiry', key), mend and 1 or 0}
    end
    local status = #held == 36 and redis.call('HGET', q.job .. held, 'status')
    if status and not ENDED[status] then
        return {}
    end
    if mend then
        redis.call('HDEL', q.s .. 'keys', key)
        redis.call('ZREM', q.s .. 'keys:expiry', key)
    end
    return {'dedup_without_job', string.format('key "%.64s" is held by a job that %s', key,
                                               status and 'has ended' or 'there is not'), mend and 1 or 0}
end

local reply = {}
for i = 1, take_number() do
    reply[i] = check(take())
end
return reply
