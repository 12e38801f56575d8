-- use: queue place ending weigh remove
-- SWEEP: what is past its keeping time, up to a number of things: final jobs, dedup keys; and entries
-- of the index of all jobs all of whose jobs are gone, which are not counted.
--   ARGV   how many; what a job costs besides its contents (bytes)
--   reply  how many; 1 = there is more; then as remove.lua for those that named blobs
local limit = take_number()
local overhead = take_number()
local removed, more, blobs = 0, 0, {}
local ENTRIES = 50                     -- of the index that are looked at in one go
local ASKED = 100                      -- ids that one command asks about
local share = math.ceil(500 / #queues) -- ids that one go looks at, and what is left of an entry

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
        elseif became == IN_USE then
            redis.call('ZADD', q.s .. place, text_of(now + 3600000), id)
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

local HEX = {}
for byte = 0, 255 do
    HEX[string.char(byte)] = string.format('%02x', byte)
end
local function text_of_id(raw)
    local hex = string.gsub(raw, '.', HEX)
    return table.concat({string.sub(hex, 1, 8), string.sub(hex, 9, 12), string.sub(hex, 13, 16), string.sub(hex, 17, 20),
                         string.sub(hex, 21)}, '-')
end

-- The head and the rests of an entry's ids (lib/insert.lua); earlier versions wrote the ids whole.
local function ids_of(fields)
    if fields[1] == 'p' then
        return fields[2], fields[4]
    end
    return '', fields[2]
end

-- Is one of the jobs there? And of how many that was asked: mostly the first one answers for all.
local function has_jobs(q, head, rests)
    local keys, size = {}, 16 - #head
    for i = 1, #rests, size do
        keys[#keys + 1] = q.job .. text_of_id(head .. string.sub(rests, i, i + size - 1))
        if #keys == ASKED or i == 1 or i + size > #rests then
            if redis.call('EXISTS', unpack(keys)) > 0 then
                return true, (i + size - 1) / size
            end
            keys = {}
        end
    end
    return false, #rests / size
end

-- Looks at entries behind `after`, as far as `share` goes, and deletes what is empty: is there more, how many
-- it met, how many went, and the last one.
local function scan(q, after, last)
    local entries = redis.call('XRANGE', q.s .. 'all', after and '(' .. after or '-', last, 'COUNT', ENTRIES)
    local left, met, gone = share, 0, 0
    while left > 0 and met < #entries do
        met = met + 1
        local has, asked = has_jobs(q, ids_of(entries[met][2]))
        left = left - asked
        if not has then
            redis.call('XDEL', q.s .. 'all', entries[met][1])
            gone = gone + 1
        end
    end
    return met < #entries or met == ENTRIES, met, gone, met > 0 and entries[met][1]
end

-- Jobs go about in the order in which they came, so most empty entries are at the old end. A front
-- moves on from there as long as there are some; a second look goes round behind it, for the jobs
-- that were kept for longer.
local function sweep_index(q)
    local at = redis.call('HMGET', q.s .. 'swept', 'front', 'round')
    local full, met, gone, last = scan(q, at[1], '+')
    if gone > 0 then
        redis.call('HSET', q.s .. 'swept', 'front', last)
        more = full and 1 or more
    end
    if not at[1] then
        return
    end
    full, met, gone, last = scan(q, at[2], at[1])
    if full then
        redis.call('HSET', q.s .. 'swept', 'round', last)
        more = gone * 2 >= met and 1 or more
    else
        redis.call('HDEL', q.s .. 'swept', 'round')
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
