-- What every script is called with.
--
--   KEYS   three names a queue: S, the prefix of its structures; J, the prefix of its jobs and what
--          hangs on them; its list of normal jobs. All other names are made from these, because ids
--          come out of lists; they stay in the queue's slot when S and J carry its hash tag.
--   ARGV   the caller's clock in unix ms, then between '!' the numbers of queues in which tenants do not take turns,
--          if there are any, and behind a blank who calls, if it listens to jh:wake; the queues' names; then what
--          the script's own head says
local redis, ARGV, tonumber, unpack = redis, ARGV, tonumber, unpack -- found faster than globals
local queues = {}
for i = 1, #KEYS / 3 do
    queues[i] = {s = KEYS[3 * i - 2], j = KEYS[3 * i - 1], job = KEYS[3 * i - 1] .. 'job:', normal = KEYS[3 * i],
                 name = ARGV[1 + i]}
    queues[tostring(i)] = queues[i] -- as an item names it
end
local now = tonumber(string.match(ARGV[1], '^%d+'))
local caller = string.match(ARGV[1], ' (.+)$')

local argument = 1 + #queues
local function take()
    argument = argument + 1
    return ARGV[argument]
end
local function take_number()
    return tonumber(take())
end
-- n words that stay in ARGV: the index of the first and the last
local function take_range(n)
    local first = argument + 1
    argument = argument + n
    return first, argument
end

-- n names and values, of what is not as it mostly is: most items have none
local function take_settings(it)
    for _ = 1, take_number() do
        local name = take()
        it[name] = take()
    end
    return it
end

-- Lua's own form of large numbers is 1.7e+12
local texts = {}
local function text_of(number)
    local text = texts[number]
    if not text then
        text = string.format('%.0f', number)
        texts[number] = text
    end
    return text
end

-- Leases are by the server's clock: hosts' clocks differ.
local function server_ms()
    local t = redis.call('TIME')
    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
