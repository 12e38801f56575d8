-- use: queue
-- Are some jobs parcels, that wait to be delivered or to be looked at? Only asks. Where so much waits that it is not
-- all read, or one does not tell its id, each may be.
--   ARGV   how many; each: id
--   reply  for each 1, 0
local PARCELS, BYTES = 1000, 2097152 -- that are read
local PLACES = {'outbox', 'outbox:odd'}
local waits, any, parcels, bytes = {}, false, 0, 0

local function note(fields)
    local id
    for k = 1, #fields, 2 do
        bytes = bytes + #fields[k] + #fields[k + 1]
        id = fields[k] == 'id' and fields[k + 1] or id
    end
    parcels = parcels + 1
    waits[id or ''] = true
    any = any or not id
end

-- One by one: they may be large.
local function read(key)
    local from = '-'
    while not any do
        local entry = redis.call('XRANGE', key, from, '+', 'COUNT', 1)[1]
        if not entry then
            return
        end
        any = parcels == PARCELS or bytes > BYTES
        note(entry[2])
        from = '(' .. entry[1]
    end
end

for i = 1, #queues do
    for _, place in ipairs(PLACES) do
        read(queues[i].s .. place)
    end
end
local reply = {}
for i = 1, take_number() do
    reply[i] = (any or waits[take()]) and 1 or 0
end
return reply
