-- use: queue
-- Does a job name a blob as a reference says? Only asks.
--   ARGV   how many; each: queue (its number)  id  what: f an input file, r the result, o<name> that output  sha256 in hex
--          and as 32 bytes
--   reply  for each 1, 0
local function names(q, id, what, hex, raw)
    local kind = string.sub(what, 1, 1)
    local value
    if kind == 'o' then
        value = redis.call('HGET', q.j .. 'outputs:' .. id, string.sub(what, 2))
    else
        value = redis.call('HGET', q.job .. id, kind == 'f' and 'files' or 'resultBlob')
    end
    return value and (string.find(value, raw, 1, true) or string.find(value, hex, 1, true))
end
local reply = {}
for i = 1, take_number() do
    local q = queues[take()]
    reply[i] = names(q, take(), take(), take(), take()) and 1 or 0
end
return reply
