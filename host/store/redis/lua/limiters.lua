-- use: queue
-- LIMITER_LIST: states by their names, in the order of bytes.
--   ARGV   the clock of all takers ('' = the server's); only this limit and its keys, or ''; the cursor, a name, or '';
--          how many at most
--   reply  the clock; {for each: name, state}; 1 = there is more
local clock, limit, cursor, max = take_number(), take(), take(), take_number()
local at = clock or server_ms()

local names = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', 'jh:limiters', '(' .. text_of(at), '+inf')) do
    if name > cursor and (limit == '' or name == limit or string.sub(name, 1, #limit + 1) == limit .. ':') then
        names[#names + 1] = name
    end
end
table.sort(names)

local reply, more = {}, 0
for _, name in ipairs(names) do
    if #reply == max then
        more = 1
        break
    end
    local text = redis.call('GET', 'jh:limiter:' .. name)
    if text then
        reply[#reply + 1] = {name, text}
    end
end
return {text_of(at), reply, more}
