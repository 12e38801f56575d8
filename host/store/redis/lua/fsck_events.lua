-- use: queue place unwait events
-- FSCK: what is known of the kept events of some names. Those whose oldest is not known would never be swept.
--   ARGV   mend (1, 0); 1 = also the bytes of all names together; the number of names; names
--   reply  of how many names it has looked at the events (at least one); {code, words, mended (1, 0), code, ...}
local READ_AT_ONCE, NAMES_ADDED_UP = 8 * 1024 * 1024, 100000
local mend, of_all = take() == '1', take() == '1'
local found, looked, read = {}, 0, 0

local function report(code, format, ...)
    found[#found + 1] = code
    found[#found + 1] = string.format(format, ...)
    found[#found + 1] = mend and 1 or 0
    return mend
end

-- Bytes that its events count for, and when the oldest was published; false = there is none.
local function add_up(name)
    local bytes, oldest, from = 0, false, '-'
    while true do
        local entries = redis.call('XRANGE', event_key(name), from, '+', 'COUNT', EVENTS_LOOKED)
        for _, entry in ipairs(entries) do
            local e = fields_of(entry)
            oldest = oldest or tonumber(e.at or '0')
            bytes = bytes + #(e.data or '') + EVENT_OVERHEAD
        end
        if #entries < EVENTS_LOOKED then
            return bytes, oldest
        end
        from = '(' .. entries[#entries][1]
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
    local bytes, oldest = add_up(name)
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
