-- use: queue claim place priority
-- CLAIM: takes queued jobs of wanted types for a host, by priority, and in the order of their lists; of tenants whose
-- turn it is. Never sent twice: what a lost answer has claimed comes back when its lease ends.
--   ARGV   the host's nonce (hex); how long a lease is (ms); 1 = it remembers the jobs that it submitted; the number
--          of wants; wants: queue (its number), type, how many, turn (lib/priority.lua), and if a 'w' stands behind
--          that: n  n tenants and their weights
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
    b.chunk, b.at, b.from, b.asked = redis.call('LPOP', from, n) or {}, 1, from, n
    return b.chunk[1] ~= nil
end

-- What another band has popped and not looked at is older than what the list still has, and may be b's.
local holders = {} -- by list: the band that has popped from it last
local function pop_list(b, n)
    local other = holders[b.list]
    holders[b.list] = b
    if other and other ~= b and other.from == b.list and other.chunk[other.at] then
        b.chunk, b.at, b.from, b.asked = other.chunk, other.at, b.list, n
        other.chunk, other.at = {}, 1
        return true
    end
    return pop(b, b.list, n)
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
        elseif not pop_list(b, n) then
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

-- `ahead`: how many may be wanted soon, if not n.
local function take_band(b, n, into, ahead)
    local q, taken, claimed = b.q, 0, b.q.claimed
    while taken < n and not stopped do
        local id, claim, payload = next_of(b, ahead or n - taken)
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
    local high, low = lane_field(type, 'high'), lane_field(type, 'low')
    local is = redis.call('HMGET', q.s .. 'types', high, type, low, high .. ':user', type .. ':user', low .. ':user')
    local lane = {waiting = {}, taken = {0, 0, 0}, users = (is[4] or is[5] or is[6]) and {is[4], is[5], is[6]}}
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

-- Nil: tenants wait there, which is for what stands below.
local function serve(q, type, limit, turn)
    local into, left = {0}, limit
    local lane = lane_of(q, type)
    if lane.users then
        return nil
    end
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
local function take_want()
    local q, type, limit, turn, weights = queues[take()], take(), take_number(), take(), nil
    if string.byte(turn, -1) == 119 then -- w
        turn, weights = string.sub(turn, 1, -2), {}
        for _ = 1, take_number() do
            local user = take()
            weights[user] = take_number()
        end
    end
    return q, type, limit, turn, weights
end
local count, at = take_number(), 1
local q, type, limit, turn, weights
while at <= count do
    q, type, limit, turn, weights = take_want()
    reply[at] = q.paused and {0} or serve(q, type, limit, turn)
    if not reply[at] then
        break
    end
    at = at + 1
end

local function answer()
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
end
if at > count then -- mostly: the rest of this script is not for them
    return answer()
end

-- use: share users
-- One who takes turns: {user = who, tag, turn, weight, member as it stands in S'queue:turns:...'}; or b.plain, all jobs
-- of the band without a line. Those as they stood there are in b.first, in their order, as far as they were read; those
-- who wait again in b.again, in theirs.
local LOOKED_AT = 8 -- tenants whose heads tell how long a band has waited

local function open_turns(lane, p)
    local b = lane[p].turns
    if not b then
        b = turns_of(lane[p].q, lane[p].type, lane[p].priority)
        lane[p].turns = b
        b.first, b.first_at, b.again, b.again_at, b.touched = {}, 1, {}, 1, {}
        b.all, b.oldest, b.dry = nil, nil, nil -- of an earlier want of this lane
        if lane.waiting[p] == 0 then
            b.plain.turn = -1
        else
            if b.plain.turn < 0 then
                share_enter(b, b.plain)
            end
            b.again[1] = b.plain
            b.plain.waits = true
        end
    end
    return b
end

local function read_turns(b, lane, n)
    local from = #b.first
    local is = redis.call('ZRANGE', b.turns, from, from + n - 1, 'WITHSCORES')
    for i = 1, #is, 2 do
        local user = string.sub(is[i], 18)
        b.first[from + (i + 1) / 2] = {user = user, tag = tonumber(is[i + 1]), turn = tonumber(string.sub(is[i], 1, 16)),
                                       member = is[i], weight = lane.weights and lane.weights[user]}
    end
    b.all = #is < 2 * n
end

local function next_turn(b, lane, n)
    if b.first_at > #b.first and not b.all then
        read_turns(b, lane, n)
    end
    local f, g = b.first[b.first_at], b.again[b.again_at]
    if f and not (g and share_before(g, f)) then
        b.first_at = b.first_at + 1
        return f
    elseif g then
        b.again_at = b.again_at + 1
    end
    return g
end

local function wait_again(b, f)
    local i = #b.again
    while i >= b.again_at and share_before(f, b.again[i]) do
        b.again[i + 1] = b.again[i]
        i = i - 1
    end
    b.again[i + 1] = f
end

-- A line is read as a band is that has no other list.
local function line_band(b, user)
    local line = line_of(b.q, b.type, b.priority, user)
    bands[line] = bands[line] or {q = b.q, type = b.type, priority = b.priority, list = line, chunk = {}, at = 1, kept = {},
                                  kept_at = 1, drained = true}
    return bands[line]
end

-- Are there more in it? `n`: how many may be wanted soon.
local function goes_on(line, n)
    return line.chunk[line.at] ~= nil or (#line.chunk >= line.asked and pop(line, line.list, n))
end

local function take_turns(lane, p, n, into)
    local b, taken, of_users = open_turns(lane, p), 0, 0
    while taken + of_users < n and not stopped do
        local left = n - taken - of_users
        local f = next_turn(b, lane, left)
        if not f then
            break
        end
        local got, more
        if f == b.plain then
            got = take_band(lane[p], 1, into, left) == 1
            taken = taken + (got and 1 or 0)
            more = lane.waiting[p] > taken
        else
            local some = math.ceil(left / #b.first) + 1
            f.line = f.line or line_band(b, f.user)
            got = take_band(f.line, 1, into, some) == 1
            of_users = of_users + (got and 1 or 0)
            more = got and goes_on(f.line, some)
            b.touched[f] = true
        end
        f.waits = more or (stopped and not got)
        if got then
            share_start(b, f, more)
        end
        if f.waits then
            wait_again(b, f)
        end
    end
    if taken + of_users < n and not stopped then
        b.dry = true -- whatever is counted, nobody waits in it
        lane.astray = lane.astray or lane.users[p] > of_users
    end
    return taken, of_users
end

-- All who wait there, if they are few; of many as many, others with each claim, and of those before them the oldest. So
-- nobody's head stays unseen, and a claim costs the same however many there are.
local function looked_at(b)
    local users = {}
    if b.all and #b.first <= LOOKED_AT then
        for i = 1, #b.first do
            users[i] = b.first[i].user
        end
        b.look = nil
        return users
    end
    local from = b.look or 0
    local is = redis.call('ZRANGE', b.turns, from, from + LOOKED_AT - 1)
    for i = 1, #is do
        users[i] = string.sub(is[i], 18)
    end
    users[#users + 1] = b.oldest_user
    b.look = #is == LOOKED_AT and from + LOOKED_AT or 0
    return users
end

-- Since when the first of a line has been queued; 0: there is none.
local function line_head_ms(b, user)
    local name = line_of(b.q, b.type, b.priority, user)
    local line = bands[name] -- an earlier want of this lane has read from it
    local id = line and line.chunk[line.at] or redis.call('LINDEX', name, 0)
    local is = id and redis.call('HMGET', b.q.job .. id, 'status', 'ready', 'createdAt')
    return is and is[1] == 'queued' and tonumber(is[2] or is[3]) or 0
end

-- Since when the first of a band has been queued, as far as is known: not before anybody whom it has looked at.
local function oldest_of_turns(lane, p)
    local b = open_turns(lane, p)
    if b.oldest then
        return b.oldest
    end
    if #b.first == 0 then
        read_turns(b, lane, LOOKED_AT + 1)
    end
    local oldest, users = nil, looked_at(b)
    b.oldest_user = nil
    for i = 1, #users do
        local ms = line_head_ms(b, users[i])
        if ms ~= 0 and (not oldest or ms < oldest) then
            oldest, b.oldest_user = ms, users[i]
        end
    end
    b.oldest = oldest or now
    return b.oldest
end

-- What became of one who took turns: into `out`, by the command that says so.
local function note_turn(b, f, out)
    local function add(what, first, second)
        out[what][#out[what] + 1] = first
        out[what][#out[what] + 1] = second
    end
    local member = member_of(f.turn, f.user)
    if not f.waits then
        add('gone', f.member)
        add('lost', f.user)
        if not share_may_forget(b, f) then
            add('rests', text_of(f.tag), f.user)
        end
    elseif member ~= f.member then
        add('gone', f.member)
        add('come', text_of(f.tag), member)
        add('users', f.user, string.sub(member, 1, 16))
    end
end

local function close_turns(lane)
    for p = 1, 3 do
        local b = lane[p].turns
        if b then
            local out = {gone = {}, come = {}, users = {}, lost = {}, rests = {}}
            for f in pairs(b.touched) do
                note_turn(b, f, out)
            end
            push('ZREM', b.turns, out.gone)
            push('ZADD', b.turns, out.come)
            push('HSET', b.users, out.users)
            push('HDEL', b.users, out.lost)
            redis.call('ZREMRANGEBYSCORE', b.rests, '-inf', text_of(b.now))
            if out.rests[1] then
                push('ZADD', b.rests, out.rests)
                redis.call('PEXPIRE', b.rests, RESTS_MS)
            end
            b.plain.turn = b.plain.waits and b.plain.turn or -1
            b.changed = true
            lane[p].turns = nil
        end
    end
end

local function is_dry(lane, p)
    return lane[p].turns ~= nil and lane[p].turns.dry
end

-- As split(), lane_of(), count_out() and serve().
local function split_turns(lane, n, turn)
    local heads = {0, 0, 0}
    for p = 1, 3 do
        if not is_dry(lane, p) then
            local oldest = lane.users[p] > 0 and oldest_of_turns(lane, p) or 0
            heads[p] = lane.waiting[p] > 0 and head_ms(lane[p]) or 0
            heads[p] = heads[p] ~= 0 and oldest ~= 0 and math.min(heads[p], oldest) or heads[p] + oldest
        end
    end
    return priority_split(n, heads, turn, now)
end

local function count_out_turns(q, type, lane)
    count_out(q, type, lane)
    for p = 1, 3 do
        local field = lane_field(type, BANDS[p], true)
        if lane.users_taken[p] > 0 and lane.users[p] > 0 then
            redis.call('HINCRBY', q.s .. 'types', field, -lane.users_taken[p])
        elseif lane.users_taken[p] > 0 then
            redis.call('HDEL', q.s .. 'types', field)
        end
    end
end

local function take_some(lane, p, n, into)
    local got, of_users = 0, 0
    if n > 0 and lane.users[p] > 0 then
        got, of_users = take_turns(lane, p, n, into)
    elseif n > 0 then
        got = take_band(lane[p], n, into)
    end
    lane.waiting[p] = lane.waiting[p] - got
    lane.taken[p] = lane.taken[p] + got
    lane.users[p] = lane.users[p] - of_users
    lane.users_taken[p] = lane.users_taken[p] + of_users
    return got + of_users
end

local function serve_turns(q, type, limit, turn, weights)
    local into, left, lane = {0}, limit, lane_of(q, type)
    lane.users, lane.users_taken, lane.weights = lane.users or {}, {0, 0, 0}, weights
    for p = 1, 3 do
        lane.users[p] = tonumber(lane.users[p] or 0)
    end
    turn = tonumber(string.sub(turn, -3))
    while left > 0 and not stopped do
        local counts, before, turned_dry = split_turns(lane, left, tostring(turn + limit - left)), left, false
        for p = 1, 3 do
            left = left - take_some(lane, p, math.min(counts[p], lane.waiting[p] + lane.users[p], left), into)
            turned_dry = turned_dry or (counts[p] > 0 and is_dry(lane, p))
        end
        if left == before and not turned_dry then
            break
        end
    end
    close_turns(lane)
    count_out_turns(q, type, lane)
    for p = 1, left > 0 and not stopped and 3 or 0 do
        into[1] = (lane.astray or (lane[p].empty and lane.waiting[p] > 0)) and 2 or into[1]
    end
    into[1] = left > 0 and stopped and 1 or into[1]
    return into
end

repeat
    reply[at] = q.paused and {0} or serve_turns(q, type, limit, turn, weights)
    at = at + 1
    if at <= count then
        q, type, limit, turn, weights = take_want()
    end
until at > count
return answer()
