-- What the end of a job does besides moving it (its dedup key, its time to live, its tombstone), and
-- how a job that runs again undoes it.

-- Who holds a dedup key, or nil.
local function holder_of(q, key)
    local held = redis.call('HGET', q.s .. 'keys', key)
    local expires = held and tonumber(string.sub(held, 38))
    if not held or (expires and expires <= now) then
        return nil
    end
    return string.sub(held, 1, 36)
end
-- `ends`: unix ms, if it lives by time, as text; one that comes out of a spool may be over by now.
local function hold_key(q, id, key, ends)
    if not ends then
        redis.call('HSET', q.s .. 'keys', key, id)
        redis.call('ZREM', q.s .. 'keys:expiry', key)
    elseif tonumber(ends) > now then
        redis.call('HSET', q.s .. 'keys', key, id .. ' ' .. ends)
        redis.call('ZADD', q.s .. 'keys:expiry', ends, key)
    end
end

-- It reached the final state `status`: a success keeps the key for ttl ms more (0: not at all), every
-- other end releases it. One that an operator has released is not touched, nor one that lives by time.
local function end_key(q, id, key, status, ttl)
    if redis.call('HGET', q.s .. 'keys', key) ~= id then
        return
    end
    if status == 'succeeded' and ttl > 0 then
        redis.call('HSET', q.s .. 'keys', key, id .. ' ' .. text_of(now + ttl))
        redis.call('ZADD', q.s .. 'keys:expiry', text_of(now + ttl), key)
    else
        redis.call('HDEL', q.s .. 'keys', key)
        redis.call('ZREM', q.s .. 'keys:expiry', key)
    end
end

-- The first 12 digits of an id are the milliseconds of its making.
local function made_at(id)
    return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16)
end

-- That there was such a job outlives it, if it was submitted so (`tombstone`: ms from its making).
-- Written at its end already: Redis may be the one that deletes it.
local function remember(q, id, tombstone)
    local til = made_at(id) + tonumber(tombstone)
    if til > now then
        redis.call('SET', q.s .. 'tomb:' .. id, text_of(til), 'PX', text_of(til - now))
    end
end
local function is_remembered(q, id)
    local til = redis.call('GET', q.s .. 'tomb:' .. id)
    return til and tonumber(til) > now
end

-- All of that for a job that enters a final state; its fields are written. `has`: what SIDE_FIELDS
-- says of it, or nil; `tombstone` as stored, or false.
local function finish_job(q, id, status, keep_ms, key, ttl, tombstone, has)
    if key and key ~= '' then
        end_key(q, id, key, status, ttl)
    end
    if keep_ms > 0 then
        set_ttl(q, id, keep_ms, has)
        if tombstone then
            remember(q, id, tombstone)
        end
    end
end
