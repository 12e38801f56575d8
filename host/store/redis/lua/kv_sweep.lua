-- use: queue kv
-- Key/values that are over go.
--   ARGV   how many
--   reply  {removed, is there more (0, 1)}
local limit = take_number()
local names = redis.call('ZRANGEBYSCORE', 'jh:kv:expiry', '-inf', text_of(now), 'LIMIT', 0, limit)
for i = 1, #names do
    kv_drop(names[i], string.match(names[i], '^jh:kv:[^:]*:%a:(.*)$'))
end
kv_finish()
return {#names, #names == limit and 1 or 0}
