-- use: queue claim leases
-- HOST_LEASE, the beat: a host that is alive keeps its jobs, and hears what others did meanwhile. Without
-- a host it only hears. Repeating it changes nothing.
--   ARGV   the host's nonce (hex; '' = none); its entry in jh:hosts ('' = as it is), of how many; how long a
--          job's lease is (ms); 1 = news are wanted; 1 = these are all claims that it knows of; the number of
--          claims; claims: queue (its number), id, token
--   reply  the server's clock; which of the claims (from 1) are another's, which are over, and which were
--          asked to end; for each queue news: {at, by, why} of its pause or nothing, the earliest due time,
--          the end of the first lease that is not of one of the claims ('' = none), 1 = something is in its
--          outbox, or FLOW_CANCEL has something to do, bytes of jobs and of results, fields of S'types'; HLEN jh:queues; the number of the last change of a
--          schedule (jh:schedules:changed; '' = none)
local host, entry, hosts_max, lease_ms = take(), take(), take_number(), take_number()
local wants_news = take() == '1'
local known = take() == '1' and {} or nil
local server = server_ms()
local lost, over, asked = {}, {}, {}

local function look_at(i, lease_end)
    local q, id, token = queues[take()], take(), take()
    local is = redis.call('HMGET', q.job .. id, 'claim', 'ask')
    local its_token, its_host, _, is_over = read_claim(is[1])
    if text_of(its_token) ~= token or (its_host ~= host and not is_over) then
        lost[#lost + 1] = i
    elseif is_over then
        over[#over + 1] = i -- by a commit of ours whose answer was lost
    else
        q.renewed = q.renewed or {}
        q.renewed[#q.renewed + 1] = lease_end
        q.renewed[#q.renewed + 1] = id
        if known then
            known[id] = true
        end
        if is[2] then
            asked[#asked + 1] = i
        end
    end
end

-- Those that were not seen for the longest time are forgotten.
local function forget_hosts()
    local all = redis.call('HGETALL', 'jh:hosts')
    local rows = {}
    for i = 1, #all, 2 do
        rows[#rows + 1] = {name = all[i], seen = tonumber(string.match(all[i + 1], '"seen":(%d+)')) or 0}
    end
    table.sort(rows, function(a, b) return a.seen < b.seen end)
    for i = 1, #rows - hosts_max do
        redis.call('HDEL', 'jh:hosts', rows[i].name)
    end
end

local function first_due(q)
    local first
    for _, place in ipairs({'scheduled', 'parked'}) do
        local is = redis.call('ZRANGE', q.s .. place, 0, 0, 'WITHSCORES')
        local at = is[2] and is[2] ~= 'inf' and tonumber(is[2])
        if at and (not first or at < first) then
            first = at
        end
    end
    return first and text_of(first) or ''
end

-- Or members to be cancelled: a host that was to see to that may be gone, and what it was told with it.
local function has_parcels(q)
    local outbox, walks, older = q.s .. 'outbox', q.s .. 'flows:walk', q.s .. 'flows:cancel'
    return redis.call('EXISTS', outbox, walks, older) > 0 and
               (redis.call('XLEN', outbox) > 0 or redis.call('EXISTS', walks, older) > 0)
end

local function news_of(q)
    local paused = redis.call('HMGET', q.s .. 'paused', 'at', 'by', 'why')
    local lease = next_lease(q, host, known)
    local bytes = redis.call('HMGET', q.s .. 'bytes', 'jobs', 'results')
    return {paused[1] and paused, first_due(q), lease and text_of(lease) or '',
            has_parcels(q) and 1 or 0,
            bytes[1] or '0', bytes[2] or '0', redis.call('HKEYS', q.s .. 'types')}
end

if entry ~= '' then
    redis.call('HSET', 'jh:hosts', host, entry)
    if redis.call('HLEN', 'jh:hosts') > hosts_max then
        forget_hosts()
    end
end
local lease_end = text_of(server + lease_ms)
for i = 1, take_number() do
    look_at(i, lease_end)
end
for i = 1, #queues do
    if queues[i].renewed then
        redis.call('ZADD', queues[i].s .. 'processing', 'XX', unpack(queues[i].renewed))
    end
end
local news = {}
for i = 1, wants_news and #queues or 0 do
    news[i] = news_of(queues[i])
end
return {text_of(server), lost, over, asked, news, redis.call('HLEN', 'jh:queues'),
        wants_news and redis.call('GET', 'jh:schedules:changed') or ''}
