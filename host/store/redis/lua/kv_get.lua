-- use: queue kv
-- KV_GET. Only asks.
--   ARGV   namespace  key  what: value, counter, member, card  the member
--   reply  value: the text or nil; else a number
local namespace, key, what, member = take(), take(), take(), take()
if what == 'value' then
    local name = kv_name(namespace, 'v', key)
    return kv_alive(name) and redis.call('GET', name)
elseif what == 'counter' then
    return redis.call('GET', kv_name(namespace, 'c', key)) or '0'
elseif what == 'member' then
    return redis.call('SISMEMBER', kv_name(namespace, 's', key), member)
end
return redis.call('SCARD', kv_name(namespace, 's', key))
