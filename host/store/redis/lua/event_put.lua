-- use: queue place unwait events
-- EVENT_PUT.
--   ARGV   how many events a name may keep, and how many bytes; the number of items; items: name, content type ('' = as
--          usual), key ('' = none), user ('' = for all), data
--   reply  {what became of each (lib/events.lua)}, 1 = there is something to bring together
local b = {count = take_number(), bytes = take_number()}
local reply = {}
for i = 1, take_number() do
    local name = take()
    reply[i] = put_event(name, {type = take(), key = take(), user = take(), data = take()}, b, true)
end
return {reply, redis.call('EXISTS', 'jh:events:pending')}
