-- use: queue
-- TOKEN_SET: when tokens (token_put.lua) were used, or revoked. Times only grow; who was revoked stays so, since then.
--   ARGV   whom news are from, how many, for each: the id, when it was used, when it was revoked (0 = unchanged)
--   reply  for each 1, or 0: there is none
local from, reply = take(), {}
for i = 1, take_number() do
    local id, used, revoked = take(), take_number(), take_number()
    local there = redis.call('HGET', 'jh:tokens', id)
    local was_used, was_revoked, rest = string.match(there or '', '^(%d+) (%d+) (.*)$')
    reply[i] = rest and 1 or 0
    if rest then
        was_used, was_revoked = tonumber(was_used), tonumber(was_revoked)
        redis.call('HSET', 'jh:tokens', id, text_of(math.max(was_used, used)) .. ' ' ..
                   text_of(was_revoked > 0 and was_revoked or revoked) .. ' ' .. rest)
        if was_revoked == 0 and revoked > 0 then
            redis.call('PUBLISH', 'jh:wake', 't ' .. (from ~= '' and from or '-') .. ' ' .. id)
        end
    end
end
return reply
