-- A step that comes with a job's waking: one more, or another value of one that is there.
local function put_step(q, id, name, value)
    local key, job = q.j .. 'steps:' .. id, q.job .. id
    local more = #value - redis.call('HSTRLEN', key, name)
    if redis.call('HSET', key, name, value) == 1 then
        redis.call('RPUSH', key .. ':names', name)
        redis.call('HINCRBY', job, 'steps', 1)
    end
    if more ~= 0 then
        redis.call('HINCRBY', job, 'stepBytes', text_of(more))
    end
    note_bytes(q, 'jobs', more)
end
