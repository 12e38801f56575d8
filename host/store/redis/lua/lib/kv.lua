-- Key/values of plugins. Value, counter, set and claim of one key are four things that do not disturb each
-- other; DEL removes all of them.
--
--   jh:kv:<namespace>:v:<key>   STRING the value
--   jh:kv:<namespace>:c:<key>   STRING the counter
--   jh:kv:<namespace>:s:<key>   SET
--   jh:kv:<namespace>:k:<key>   STRING the claim: "<id> <token>", or "done"
--   jh:kv:expiry                ZSET   names of values and claims -> when they are over (unix ms)
--   jh:kv:sets                  HASH   names of sets -> bytes that they count for
--   jh:bytes                    HASH   kv: bytes of all, 48 for each thing and each member besides key and content
--
-- Nothing has a TTL of Redis' own: what it deleted would stay in jh:bytes. What is over is not seen any more, and
-- swept by kv_sweep. A namespace has no ':'.
local KV_OVERHEAD = 48

local function kv_name(namespace, kind, key)
    return 'jh:kv:' .. namespace .. ':' .. kind .. ':' .. key
end

local kv_grown = 0

-- What it counts for; `key`: its part of the name.
local function kv_size(name, key)
    if redis.call('EXISTS', name) == 0 then
        return 0
    end
    return #key + redis.call('STRLEN', name) + KV_OVERHEAD
end

local function kv_alive(name)
    local over = redis.call('ZSCORE', 'jh:kv:expiry', name)
    return not over or tonumber(over) > now
end

local function kv_put(name, key, value, over)
    kv_grown = kv_grown - kv_size(name, key) + #key + #value + KV_OVERHEAD
    redis.call('SET', name, value)
    if over ~= '' then
        redis.call('ZADD', 'jh:kv:expiry', over, name)
    else
        redis.call('ZREM', 'jh:kv:expiry', name)
    end
end

local function kv_drop(name, key)
    kv_grown = kv_grown - kv_size(name, key)
    redis.call('UNLINK', name)
    redis.call('ZREM', 'jh:kv:expiry', name)
end

-- Counters wrap around. `flipped` is the delta with its highest bit turned over; turning that of the counter over too,
-- which takes additions that do not overflow, leaves a sum that is the wrapped one.
local function kv_add(name, key, delta, flipped)
    kv_grown = kv_grown - kv_size(name, key)
    local sum = redis.pcall('INCRBY', name, delta)
    if type(sum) == 'table' and sum.err then
        if string.sub(delta, 1, 1) == '-' then
            redis.call('INCRBY', name, '9223372036854775807')
            redis.call('INCRBY', name, '1')
        else
            redis.call('INCRBY', name, '-9223372036854775808')
        end
        redis.call('INCRBY', name, flipped)
    end
    kv_grown = kv_grown + kv_size(name, key)
end

local function kv_set_changed(name, key, bytes)
    local members = redis.call('SCARD', name)
    if members == 0 or (members == 1 and bytes > 0) then -- the set itself
        bytes = bytes + (members == 0 and -1 or 1) * (#key + KV_OVERHEAD)
    end
    kv_grown = kv_grown + bytes
    if redis.call('HINCRBY', 'jh:kv:sets', name, bytes) == 0 then
        redis.call('HDEL', 'jh:kv:sets', name)
    end
end

local function kv_sadd(name, key, member)
    if redis.call('SADD', name, member) == 1 then
        kv_set_changed(name, key, #member + KV_OVERHEAD)
    end
end

local function kv_srem(name, key, member)
    if redis.call('SREM', name, member) == 1 then
        kv_set_changed(name, key, -#member - KV_OVERHEAD)
    end
end

local function kv_del(namespace, key)
    local set = kv_name(namespace, 's', key)
    for _, kind in ipairs({'v', 'c', 'k'}) do
        kv_drop(kv_name(namespace, kind, key), key)
    end
    kv_grown = kv_grown - tonumber(redis.call('HGET', 'jh:kv:sets', set) or 0)
    redis.call('HDEL', 'jh:kv:sets', set)
    redis.call('UNLINK', set)
end

-- Writes down how much it has become; last.
local function kv_finish()
    if kv_grown ~= 0 then
        redis.call('HINCRBY', 'jh:bytes', 'kv', text_of(kv_grown))
        kv_grown = 0
    end
end
