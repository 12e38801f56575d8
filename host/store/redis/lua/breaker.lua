-- use: queue
-- BREAKER: the state of one, and another in its place if it still is what was decided on. Asking again is asking once.
--   jh:breakers   HASH   names -> states (host/store/breakers.h) of those that are not closed; their first number says
--                        until when they are remembered
--   ARGV   the clock of all ('' = the server's), whom news are from (as the caller's name in jh:wake; '' = nobody), the name;
--          '1' and: the state it was decided on ('' = closed), the new one ('' = closed), how many there may be; or ''
--   reply  the clock; 0 = here it is, 1 = done, 2 = no room; the state
local clock, from, name, sets = take_number(), take(), take(), take() == '1'
local at = clock or server_ms()
local text = redis.call('HGET', 'jh:breakers', name) or ''
if not sets then
    return {text_of(at), 0, text}
end

local before, after, most = take(), take(), take_number()
if text == after then
    return {text_of(at), 1, text}
end
if text ~= before then
    return {text_of(at), 0, text}
end

local function has_room()
    if redis.call('HLEN', 'jh:breakers') < most then
        return true
    end
    local all = redis.call('HGETALL', 'jh:breakers')
    for i = 1, #all, 2 do
        if (tonumber(string.match(all[i + 1], '^%d+')) or 0) <= at then
            redis.call('HDEL', 'jh:breakers', all[i])
        end
    end
    return redis.call('HLEN', 'jh:breakers') < most
end

if after == '' then
    redis.call('HDEL', 'jh:breakers', name)
elseif text == '' and not has_room() then
    return {text_of(at), 2, text}
else
    redis.call('HSET', 'jh:breakers', name, after)
end
redis.call('PUBLISH', 'jh:wake', 'b ' .. (from ~= '' and from or '-') .. ' ' .. name)
return {text_of(at), 1, after}
