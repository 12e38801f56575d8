-- use: queue
-- BREAKER_LIST: states by their names, in the order of bytes.
--   ARGV   the clock of all ('' = the server's); the cursor, a name, or ''; how many at most
--   reply  the clock; {for each: name, state}; 1 = there is more
local clock, cursor, max = take_number(), take(), take_number()
local at = clock or server_ms()

local all, states, names = redis.call('HGETALL', 'jh:breakers'), {}, {}
for i = 1, #all, 2 do
    if all[i] > cursor and (tonumber(string.match(all[i + 1], '^%d+')) or 0) > at then
        names[#names + 1] = all[i]
        states[all[i]] = all[i + 1]
    end
end
table.sort(names)

local reply = {}
for i = 1, math.min(#names, max) do
    reply[i] = {names[i], states[names[i]]}
end
return {text_of(at), reply, #names > max and 1 or 0}
