-- use: queue place unwait events
-- FSCK: what is known of the kept events of some names. Those whose oldest is not known would never be swept.
--   ARGV   mend (1, 0); 1 = also the bytes of all names together; the number of names; names
--   reply  of how many names it has looked at the events (at least one); {code, words, mended (1, 0), code, ...}
local READ_AT_ONCE, NAMES_ADDED_UP, EVENTS_READ = 8 * 1024 * 1024, 100000, 64
local mend, of_all = take() == '1', take() == '1'
local found, looked, read = {}, 0, 0

local function report(code, format, ...)
    found[#found + 1] = code
    found[#found + 1] = string.format(format, ...)
    found[#found + 1] = mend and 1 or 0
    return mend
end

-- Bytes that its events count for, when the oldest was published (false = there is none), and where they are looked for.
local function add_up(name)
    local bytes, oldest, from, places = 0, false, '-', {}
    while true do
        local entries = redis.call('XRANGE', event_key(name), from, '+', 'COUNT', EVENTS_READ)
        for _, entry in ipairs(entries) do
            local e = fields_of(entry)
            oldest = oldest or tonumber(e.at or '0')
            bytes = bytes + event_bytes(e)
            places[#places + 1] = place_member(e, entry[1])
        end
        if #entries < EVENTS_READ then
            return bytes, oldest, places
        end
        from = '(' .. entries[#entries][1]
    end
end

local function check_places(name, places)
    local key, missing = event_key(name) .. ':places', 0
    for _, place in ipairs(places) do
        missing = missing + (redis.call('ZSCORE', key, place) and 0 or 1)
    end
    local more = redis.call('ZCARD', key) - #places + missing
    if missing + more > 0 and report('event_unplaced', '%s: %d events are not found, and %d are gone', name, missing, more) then
        redis.call('DEL', key)
        for _, place in ipairs(places) do
            redis.call('ZADD', key, 0, place)
        end
    end
end

local function check_keys(name)
    local keys, gone = redis.call('HGETALL', event_key(name) .. ':keys'), {}
    for i = 1, #keys, 2 do
        local entry = redis.pcall('XRANGE', event_key(name), keys[i + 1], keys[i + 1])
        if entry.err or #entry == 0 then
            gone[#gone + 1] = keys[i]
        end
    end
    if #gone > 0 and report('event_key_gone', '%s: keys of %d events that are not kept', name, #gone) then
        for _, key in ipairs(gone) do
            redis.call('HDEL', event_key(name) .. ':keys', key)
        end
    end
end

local function check(name)
    local bytes, oldest, places = add_up(name)
    local known = redis.call('ZSCORE', 'jh:events', name)
    if (known and tonumber(known)) ~= oldest and
       report('event_unswept', '%s: its oldest event is of %s, and known as of %s', name, tostring(oldest), tostring(known)) then
        note_oldest(name)
    end
    local counted = tonumber(redis.call('HGET', 'jh:events:bytes', name) or 0)
    if counted ~= bytes and report('event_count', '%s: %d bytes of events, found %d', name, counted, bytes) then
        note_event_bytes(name, bytes - counted)
    end
    check_keys(name)
    check_places(name, places)
    return bytes
end

local function check_all()
    local sum, all = 0, redis.call('HGETALL', 'jh:events:bytes')
    for i = 1, #all, 2 do
        sum = sum + (all[i] == '' and 0 or tonumber(all[i + 1]))
    end
    local counted = tonumber(redis.call('HGET', 'jh:events:bytes', '') or 0)
    if counted ~= sum and report('event_count', 'all names: %d bytes of events, found %d', counted, sum) then
        redis.call('HSET', 'jh:events:bytes', '', sum)
    end
end

local names = take_number()
while looked < names and read < READ_AT_ONCE do
    read = read + check(take())
    looked = looked + 1
end
if of_all and redis.call('HLEN', 'jh:events:bytes') <= NAMES_ADDED_UP then
    check_all()
end
return {looked, found}
