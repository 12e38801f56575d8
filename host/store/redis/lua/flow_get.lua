-- use: queue
-- FLOW_GET and FLOW_ENDED: how a flow stands. Changes nothing.
--   ARGV   id of the opener; from which one on those that have ended are told; how many; only those with this digit
--          ('' = all)
--   reply  '' (there is none), or names and values; is it among those that are to be cancelled; those that have ended,
--          each with the place behind it; how many there are; up to which one these are
local LOOK_MAX = 10000 -- of those that may not be asked for
local PIECE = 1000
local id, from, count, only = take(), take_number(), take_number(), take()
local q = queues[1]
local key = q.s .. 'flow:' .. id
local is = redis.call('HMGET', key, 'made', 'succeeded', 'dead', 'cancelled', 'duplicate', 'opener', 'onDead', 'closed',
                      'then', 'thenMade', 'died', 'deep')
if not is[1] then
    return ''
end
for i = 1, 12 do
    is[i] = is[i] or ''
end

-- Of each of these, how many from the beginning on are not about its member any more, or false.
local function outdated(ended)
    local raws = {}
    for i, one in ipairs(ended) do
        raws[i] = string.sub(one, 1, 16)
    end
    return redis.call('HMGET', key .. ':back', unpack(raws))
end

local all = redis.call('LLEN', key .. ':ended')
local back = redis.call('EXISTS', key .. ':back') == 1
local most = only == '' and not back and count or LOOK_MAX
local ended, at, stop = {}, from, math.min(all, from + most)
while #ended < 2 * count and at < stop do
    local piece = redis.call('LRANGE', key .. ':ended', at, math.min(at + PIECE, stop) - 1)
    local til = back and outdated(piece) or {}
    for i, one in ipairs(piece) do
        if #ended < 2 * count then
            local counts = not til[i] or tonumber(til[i]) <= at
            at = at + 1
            if counts and (only == '' or string.sub(one, 17) == only) then
                ended[#ended + 1] = one
                ended[#ended + 1] = at
            end
        end
    end
end
local walks = redis.call('SISMEMBER', q.s .. 'flows:walk', id) + redis.call('SISMEMBER', q.s .. 'flows:cancel', id)
return {is, math.min(walks, 1), ended, all, at}
