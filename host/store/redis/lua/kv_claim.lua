-- use: queue claim kv
-- KV_CLAIM: the claim of a key is its holder's as long as his attempt runs.
--   ARGV   namespace  key  the claimer's id  his token
--   reply  {what, the holder's id}: 0 won, 1 held, 2 done, 3 the claimer's attempt does not run any more
local namespace, key, id, token = take(), take(), take(), take()

-- Claims tell no queue, and their holders may be of any.
local function job_of(of)
    local queue = redis.call('GET', 'jh:idx:' .. of)
    local keys = queue and redis.call('HGET', 'jh:queues', queue)
    return (keys and string.match(keys, '^([^\n]*)\n') or '') .. 'job:' .. of
end

local function is_out(of, by)
    local token, _, _, over = read_claim(redis.call('HGET', job_of(of), 'claim'))
    return not over and text_of(token) == by
end

if not is_out(id, token) then
    return {3, ''}
end
local name = kv_name(namespace, 'k', key)
local claim = kv_alive(name) and redis.call('GET', name)
if claim == 'done' then
    return {2, ''}
end
if claim then
    local holder = string.sub(claim, 1, 36)
    if holder ~= id and is_out(holder, string.sub(claim, 38)) then
        return {1, holder}
    end
end
kv_put(name, key, id .. ' ' .. token, '')
kv_finish()
return {0, id}
