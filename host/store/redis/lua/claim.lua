-- use: queue claim place priority
-- CLAIM: takes queued jobs of wanted types for a host, by priority and in the order of their lists. Never
-- sent twice: what a lost answer has claimed comes back when its lease ends.
--   ARGV   the host's nonce (hex); how long a lease is (ms); 1 = it remembers the jobs that it submitted; the number
--          of wants; wants: queue (its number), type, how many, turn (lib/priority.lua)
--   reply  the server's clock; for each queue {at, by, why} if it is paused, else nothing; for each want
--          {1 = more may be there than was looked at, 2 = jobs are counted that are in no list, else 0; jobs}: each {id, HGETALL of it as it was before,
--          payload that has a key of its own, names of outputs}; of a job that is as it was submitted its id
--          alone, if the host remembers such
local JOBS_MAX, PASSED_MAX, PAYLOADS_MAX = 200, 500, 16 * 1024 * 1024 -- of one call
local BANDS = {'high', false, 'low'}
local host, lease_ms = take(), take_number()
local FIRST = claim_text(1, host, 0)
local remembers = take() == '1'
local server = server_ms()
local lease_end = text_of(server + lease_ms)
local jobs_left, passed_left, payloads_left = JOBS_MAX, PASSED_MAX, PAYLOADS_MAX
local stopped = false -- one of these is used up: nothing more is popped
local seen = {}       -- ids that were looked at and still wait: an old entry may stand in a list beside the new one

-- A type's jobs in one list of a queue. Oldest first, they come from
--   head     one that was looked at and not taken
--   aside    S'queue:aside:...' as it was before this call
--   kept     popped in this call while another type was wanted
--   list     the list of the band, for all types
-- `chunk` was popped from `from` and is looked at one by one.
local bands = {}
local function band_of(q, type, priority)
    local aside = aside_of(q, type, priority)
    local b = bands[aside]
    if not b then
        b = {q = q, type = type, priority = priority, aside = aside, list = list_of(q, priority),
             chunk = {}, at = 1, kept = {}, kept_at = 1}
        bands[aside] = b
    end
    return b
end

-- Of another type than ours, a key is none: an error here would leave those that were popped in no list.
local function ask(...)
    local reply = redis.pcall(...)
    return not (type(reply) == 'table' and reply.err) and reply
end

local function pop(b, from, n)
    b.chunk, b.at, b.from = redis.call('LPOP', from, n) or {}, 1, from
    return b.chunk[1] ~= nil
end

-- Is that one of b's? With its claim, and the size of a payload that has a key of its own. One of another type is kept for that.
local function look_at(b, id)
    local is = redis.pcall('HMGET', b.q.job .. id, 'status', 'type', 'claim', 'payloadBytes')
    if is[1] == 'queued' and is[2] == b.type and not seen[id] then
        return true, is[3], is[4]
    end
    if is[1] == 'queued' and is[2] and not seen[id] then
        local other = band_of(b.q, is[2], b.priority)
        other.kept[#other.kept + 1] = {id = id, claim = is[3], payload = is[4], kept = true}
        seen[id] = true
    end -- else it is not in this place any more
    passed_left = passed_left - 1
    stopped = stopped or passed_left == 0
    return false
end

-- Its id, claim, payload's size, and whether it was kept; `n`: how many are wanted. Nil: there is none, or it is enough for now.
local function next_of(b, n)
    local job = b.head
    if job then
        b.head = nil
        return job.id, job.claim, job.payload, job.kept
    end
    while not stopped do
        local id = b.chunk[b.at]
        if id then
            b.at = b.at + 1
            local is, claim, payload = look_at(b, id)
            if is then
                return id, claim, payload
            end
        elseif not b.drained then
            b.drained = not pop(b, b.aside, n)
        elseif b.kept[b.kept_at] then
            job = b.kept[b.kept_at]
            b.kept_at = b.kept_at + 1
            return job.id, job.claim, job.payload, true
        elseif not pop(b, b.list, n) then
            b.empty = true
            break
        end
    end
    return nil
end

-- Since when the first one of a band has been queued.
local function head_ms(b)
    local id, claim, payload, kept = next_of(b, 1)
    if not id then
        return 0
    end
    b.head = {id = id, claim = claim, payload = payload, kept = kept}
    seen[id] = true -- it stays for a while
    local is = redis.call('HMGET', b.q.job .. id, 'ready', 'createdAt')
    return tonumber(is[1] or is[2]) or 0
end

-- All of a job, as it was before.
local function whole(q, id, key, claim, payload)
    local outputs = claim and redis.call('HEXISTS', key, 'outputs') == 1
    payloads_left = payloads_left - (tonumber(payload) or 0)
    stopped = stopped or payloads_left <= 0
    return {id, redis.call('HGETALL', key), payload and ask('GET', q.j .. 'payload:' .. id) or false,
            outputs and ask('HKEYS', q.j .. 'outputs:' .. id) or false}
end

local function claim_anew(claim)
    local token, _, number = read_claim(claim)
    return claim_text(token + 1, host, number)
end

local function take_band(b, n, into)
    local q, taken, claimed = b.q, 0, b.q.claimed
    while taken < n and not stopped do
        local id, claim, payload = next_of(b, n - taken)
        if not id then
            break
        end
        local key = q.job .. id
        into[#into + 1] = remembers and not claim and not payload and id or whole(q, id, key, claim, payload)
        redis.call('HSET', key, 'status', 'running', 'claim', claim and claim_anew(claim) or FIRST)
        claimed[#claimed + 1] = lease_end
        claimed[#claimed + 1] = id
        taken = taken + 1
        jobs_left = jobs_left - 1
        stopped = stopped or jobs_left == 0
    end
    return taken
end

-- How many to take from each band now. With one in use there is nothing to decide.
local function split(lane, n, turn)
    local used, only = 0, nil
    for p = 1, 3 do
        if lane.waiting[p] > 0 and not lane[p].empty then
            used, only = used + 1, p
        end
    end
    local counts = {0, 0, 0}
    if used == 1 then
        counts[only] = n
        return counts
    end
    local heads = {0, 0, 0}
    for p = 1, 3 do
        heads[p] = used > 0 and lane.waiting[p] > 0 and head_ms(lane[p]) or 0
    end
    return priority_split(n, heads, turn, now)
end

local function lane_of(q, type)
    local is = redis.call('HMGET', q.s .. 'types', lane_field(type, 'high'), type, lane_field(type, 'low'))
    local lane = {waiting = {}, taken = {0, 0, 0}}
    for p = 1, 3 do
        lane.waiting[p] = tonumber(is[p]) or 0
        lane[p] = band_of(q, type, BANDS[p])
    end
    return lane
end

local function count_out(q, type, lane)
    for p = 1, 3 do
        if lane.taken[p] > 0 then
            local field = lane_field(type, BANDS[p])
            if lane.waiting[p] > 0 then
                redis.call('HINCRBY', q.s .. 'types', field, -lane.taken[p])
            else
                redis.call('HDEL', q.s .. 'types', field)
            end
        end
    end
end

local function serve(q, type, limit, turn)
    local into, left = {0}, limit
    local lane = lane_of(q, type)
    turn = tonumber(string.sub(turn, -3)) -- all of it that priority_split() looks at
    while left > 0 and not stopped do
        local counts, before = split(lane, left, tostring(turn + limit - left)), left
        for p = 1, 3 do
            local n = math.min(counts[p], lane.waiting[p], left)
            local got = n > 0 and take_band(lane[p], n, into) or 0
            lane.waiting[p] = lane.waiting[p] - got
            lane.taken[p] = lane.taken[p] + got
            left = left - got
        end
        if left == before then
            break
        end
    end
    count_out(q, type, lane)
    if left > 0 and stopped then
        into[1] = 1
    elseif left > 0 then
        for p = 1, 3 do
            into[1] = lane[p].empty and lane.waiting[p] > 0 and 2 or into[1]
        end
    end
    return into
end

-- What was popped and not taken goes where it came from; of another type, aside. A head is older than all that was popped
-- after it: it goes in front of what another band did not look at, and before those of its own that others have kept.
local function put_back()
    for _, b in pairs(bands) do
        for i = #b.chunk, b.at, -1 do
            note_push(heads, b.from, b.chunk[i])
        end
        for i = b.kept_at, #b.kept do
            note_push(tails, b.aside, b.kept[i].id)
        end
    end
    for _, b in pairs(bands) do
        if b.head then
            note_push(heads, (b.head.kept or b.kept[b.kept_at]) and b.aside or b.from, b.head.id)
        end
    end
end

local pauses, reply = {}, {}
for i = 1, #queues do
    local paused = redis.call('HMGET', queues[i].s .. 'paused', 'at', 'by', 'why')
    queues[i].paused = paused[1]
    queues[i].claimed = {} -- scores and ids
    pauses[i] = paused[1] and paused
end
for i = 1, take_number() do
    local q, type, limit, turn = queues[take()], take(), take_number(), take()
    reply[i] = q.paused and {0} or serve(q, type, limit, turn)
end
put_back()
for i = 1, #queues do
    local claimed = queues[i].claimed
    if claimed[1] then
        local processing = queues[i].s .. 'processing'
        redis.call('ZADD', processing, unpack(claimed))
        if redis.call('ZCARD', processing) == #claimed / 2 then
            publish('l', queues[i].name, lease_end, caller)
        end
    end
end
finish()
return {text_of(server), pauses, reply}
