-- use: queue place ending remove
-- SWEEP: what is past its keeping time, up to a number of things: final jobs, dedup keys; and entries
-- of the index of all jobs all of whose jobs are gone, which are not counted.
--   ARGV   how many; what a job costs besides its contents (bytes)
--   reply  how many; 1 = there is more; then as remove.lua for those that named blobs
local limit = take_number()
local overhead = take_number()
local removed, more, blobs = 0, 0, {}
local ENTRIES = 50 -- of the index that are looked at in one go

-- Members of a ZSET whose time has come, as far as the limit goes.
local function expired(key)
    local list = redis.call('ZRANGEBYSCORE', key, '-inf', text_of(now), 'LIMIT', 0, limit - removed + 1)
    if #list > limit - removed then
        list[#list] = nil
        more = 1
    end
    return list
end

local function sweep_jobs(q, place)
    for _, id in ipairs(expired(q.s .. place)) do
        local became, named = remove_job(q, id, overhead)
        if became == ABSENT then
            forget_job(q, id)
        elseif became == NOT_FINAL then -- it is elsewhere
            redis.call('ZREM', q.s .. place, id)
        end
        blobs[#blobs + 1] = named
        removed = removed + 1
    end
end

local function sweep_keys(q)
    for _, key in ipairs(expired(q.s .. 'keys:expiry')) do
        local held = redis.call('HGET', q.s .. 'keys', key)
        local expires = held and tonumber(string.sub(held, 38))
        if expires and expires <= now then
            redis.call('HDEL', q.s .. 'keys', key)
        end
        redis.call('ZREM', q.s .. 'keys:expiry', key)
        removed = removed + 1
    end
end

local function text_of_id(raw)
    local hex = string.gsub(raw, '.', function(c) return string.format('%02x', string.byte(c)) end)
    return table.concat({string.sub(hex, 1, 8), string.sub(hex, 9, 12), string.sub(hex, 13, 16), string.sub(hex, 17, 20),
                         string.sub(hex, 21)}, '-')
end

local function has_jobs(q, packed)
    for i = 1, #packed, 16 do
        if redis.call('EXISTS', q.j .. 'job:' .. text_of_id(string.sub(packed, i, i + 15))) == 1 then
            return true
        end
    end
    return false
end

-- Looks at entries behind `after` and deletes what is empty: how many it met, how many went, and the
-- last one.
local function scan(q, after, last)
    local entries = redis.call('XRANGE', q.s .. 'all', after and '(' .. after or '-', last, 'COUNT', ENTRIES)
    local gone = 0
    for _, entry in ipairs(entries) do
        if not has_jobs(q, entry[2][2]) then
            redis.call('XDEL', q.s .. 'all', entry[1])
            gone = gone + 1
        end
    end
    return #entries, gone, entries[#entries] and entries[#entries][1]
end

-- Jobs go about in the order in which they came, so most empty entries are at the old end. A front
-- moves on from there as long as there are some; a second look goes round behind it, for the jobs
-- that were kept for longer.
local function sweep_index(q)
    local at = redis.call('HMGET', q.s .. 'swept', 'front', 'round')
    local met, gone, last = scan(q, at[1], '+')
    if gone > 0 then
        redis.call('HSET', q.s .. 'swept', 'front', last)
        more = met == ENTRIES and 1 or more
    end
    if not at[1] then
        return
    end
    met, gone, last = scan(q, at[2], at[1])
    if met < ENTRIES then
        redis.call('HDEL', q.s .. 'swept', 'round')
    else
        redis.call('HSET', q.s .. 'swept', 'round', last)
        more = gone * 2 >= ENTRIES and 1 or more
    end
end

for i = 1, #queues do
    local q = queues[i]
    for _, place in ipairs({'succeeded', 'cancelled', 'duplicate', 'dlq:expiry'}) do
        sweep_jobs(q, place)
    end
    sweep_keys(q)
    sweep_index(q)
end
finish()
return {removed, more, blobs}
