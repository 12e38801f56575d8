-- use: queue
-- FLOW_MEMBERS: who was made last, in the order of making. Changes nothing.
--   ARGV   id of the opener; those before this place, from 1 on ('0' = all); how many
--   reply  '' (no such flow), or {the place of the first of them, 16 bytes of each}
local id, before, count = take(), take_number(), take_number()
local key = queues[1].s .. 'flow:' .. id
if redis.call('EXISTS', key) == 0 then
    return ''
end
local all = redis.call('LLEN', key .. ':made')
local last = before > 0 and math.min(before - 1, all) or all
local first = math.max(last - count, 0)
return {first + 1, last > 0 and redis.call('LRANGE', key .. ':made', first, last - 1) or {}}
