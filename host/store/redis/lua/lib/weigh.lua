-- What a job counts for in the budget.
-- What jobhash_bytes() of jobhash.c counts, besides the payload and what each job costs.
local COUNTED = {'type', 'user', 'contentType', 'key', 'labels', 'callback', 'retry', 'flow', 'files', 'schedule'}

local function fields_of(key)
    local flat, map = redis.call('HGETALL', key), {}
    for i = 1, #flat, 2 do
        map[flat[i]] = flat[i + 1]
    end
    return map
end

local function bytes_of(map, overhead)
    local sum = overhead + tonumber(map.stepBytes or 0)
    for _, name in ipairs(COUNTED) do
        sum = sum + #(map[name] or '')
    end
    if map.payloadBytes then
        return sum + tonumber(map.payloadBytes)
    end
    local piece, n = map.payload, 0
    while piece do
        sum, n = sum + #piece, n + 1
        piece = map[tostring(n)]
    end
    return sum
end
