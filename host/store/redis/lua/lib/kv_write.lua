-- What a commit writes to the key/values (behind lib/kv.lua; the words are kv.c's).
--   namespace  bytes of all keys and values of it  the budget for all ('' = none)  n  n times:
--   verb  key  value  number
local function take_kv()
    local it = {namespace = take(), bytes = take_number(), budget = take_number()}
    it.first, it.last = take_range(4 * take_number())
    return it
end

-- Is there room? Before anything is written.
local function kv_check(it)
    if it.last < it.first or not it.budget then
        return true
    end
    return tonumber(redis.call('HGET', 'jh:bytes', 'kv') or 0) + kv_grown + it.bytes <= it.budget
end

local KV_VERBS = {
    set = function(namespace, key, value, over) kv_put(kv_name(namespace, 'v', key), key, value, over) end,
    done = function(namespace, key, _, over) kv_put(kv_name(namespace, 'k', key), key, 'done', over) end,
    add = function(namespace, key, flipped, delta) kv_add(kv_name(namespace, 'c', key), key, delta, flipped) end,
    sadd = function(namespace, key, member) kv_sadd(kv_name(namespace, 's', key), key, member) end,
    srem = function(namespace, key, member) kv_srem(kv_name(namespace, 's', key), key, member) end,
    del = function(namespace, key) kv_del(namespace, key) end,
}

-- kv_finish() once behind the last one.
local function kv_write(it)
    for i = it.first, it.last, 4 do
        KV_VERBS[ARGV[i]](it.namespace, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    end
end
