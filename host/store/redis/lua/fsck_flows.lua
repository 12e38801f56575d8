-- use: queue claim place unwait (share users) ending schedule flow
-- FSCK: does a flow agree with its opener, with its lists, and with those of its members that are in its queue?
--   ARGV   mend (1, 0); the number of items; items: queue, id of the opener
--   reply  for each {code, words, mended (1, 0), code, ...}
-- What becomes of a member in another queue may be underway, so of those only the counts are judged.
local MEMBERS_MAX = 2000 -- of larger flows members are not looked at one by one
local PIECE = 1000
local STATES = {['4'] = 'succeeded', ['5'] = 'dead', ['6'] = 'cancelled', ['7'] = 'duplicate'}
local mend = take() == '1'
local found

local function report(code, words)
    found[#found + 1] = code
    found[#found + 1] = words
    found[#found + 1] = mend and 1 or 0
end

local function each(list, visit)
    for from = 0, redis.call('LLEN', list) - 1, PIECE do
        for _, one in ipairs(redis.call('LRANGE', list, from, from + PIECE - 1)) do
            visit(one)
        end
    end
end

-- Those that have ended, and how, each once: who was revived is not among them for what was before.
local function each_ended(key, visit)
    local all = redis.call('LLEN', key .. ':ended')
    for from = 0, all - 1, PIECE do
        local piece, raws = redis.call('LRANGE', key .. ':ended', from, from + PIECE - 1), {}
        for i, one in ipairs(piece) do
            raws[i] = string.sub(one, 1, 16)
        end
        local til = redis.call('HMGET', key .. ':back', unpack(raws))
        for i, one in ipairs(piece) do
            if not til[i] or tonumber(til[i]) < from + i then
                visit(raws[i], string.sub(one, 17))
            end
        end
    end
end

-- What the list says until now of a member is not so any more.
local function outdate(key, raw)
    redis.call('HSET', key .. ':back', raw, redis.call('LLEN', key .. ':ended'))
end

local function id_of(raw)
    local hex = string.gsub(raw, '.', function(c) return string.format('%02x', string.byte(c)) end)
    return (string.gsub(hex, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)', '%1-%2-%3-%4-'))
end

-- How a member that is in this queue stands: its final state, false (it has not ended), or nil (it is not here).
local function state_of(q, raw)
    local is = redis.call('HMGET', q.job .. id_of(raw), 'id', 'status', 'flowQueue')
    if is[1] and not is[3] then
        return is[2] and FINAL[is[2]] and is[2] or false
    end
    return nil
end

-- The list of those that have ended against the members.
local function check_members(q, key)
    local ended = {}
    each_ended(key, function(raw, digit)
        local is = state_of(q, raw)
        if is ~= nil and is ~= STATES[digit] then
            report('flow_ended_wrong', 'member ' .. id_of(raw) .. ' has not ended as its flow has it')
            if mend then
                outdate(key, raw)
                return
            end
        end
        ended[raw] = true
    end)
    each(key .. ':made', function(raw)
        local is = not ended[raw] and state_of(q, raw)
        if is then
            report('flow_ended_missing', 'member ' .. id_of(raw) .. ' has ended, and not for its flow')
            if mend then
                if redis.call('HEXISTS', key .. ':back', raw) == 1 then
                    outdate(key, raw) -- the list may have been longer
                end
                redis.call('RPUSH', key .. ':ended', raw .. ENDED_AS[is])
            end
        end
    end)
end

-- The counts against the lists.
local function check_counts(key)
    local is = redis.call('HMGET', key, 'made', 'succeeded', 'dead', 'cancelled', 'duplicate')
    local made, counts, wrong = redis.call('LLEN', key .. ':made'), {succeeded = 0, dead = 0, cancelled = 0, duplicate = 0}, false
    if tonumber(is[1] or '') ~= made then
        report('flow_made', (is[1] or 'no') .. ' members, ' .. made .. ' found')
        if mend then
            redis.call('HSET', key, 'made', made)
        end
    end
    each_ended(key, function(_, digit)
        local as = STATES[digit]
        if as then
            counts[as] = counts[as] + 1
        end
    end)
    for i, name in ipairs({'succeeded', 'dead', 'cancelled', 'duplicate'}) do
        if tonumber(is[i + 1] or 0) ~= counts[name] then
            wrong = true
            if mend then
                redis.call('HSET', key, name, counts[name])
            end
        end
    end
    if wrong then
        report('flow_counts', 'so many as are said to have ended are not there')
    end
end

local function check_opener(q, id, key, status, opened)
    local as = redis.call('HGET', key, 'opener')
    local is = status and FINAL[status] and status or false
    if as ~= is and not (is and as == 'cancelled') then -- what the flow above it did, or it was asked to end
        report('flow_opener', 'its opener ended as ' .. (as or 'none') .. ', and is ' .. (status or 'queued'))
        if mend and is then
            redis.call('HSET', key, 'opener', is)
        elseif mend then
            redis.call('HDEL', key, 'opener', 'closed', 'walked')
        end
    end
    if not opened then
        report('unknown_flow', 'its opener does not know of it')
        if mend then
            redis.call('HSET', q.job .. id, 'opened', '1')
        end
    end
end

-- What should follow from how it stands, and has not.
local function check_over(q, id, key, status, parked)
    local is = redis.call('HMGET', key, 'opener', 'closed', 'then', 'thenMade', 'made', 'succeeded', 'dead', 'cancelled', 'duplicate',
                          'walked', 'deep')
    local open = tonumber(is[5] or 0)
    for i = 6, 9 do
        open = open - tonumber(is[i] or 0)
    end
    local lacks_next = is[2] and is[3] and not is[4] and is[1] ~= 'cancelled'
    local is_walked = is[11] and tonumber(is[10] or '') -- it closes when a cascade has been through
    local waits = status == 'parked' and parked == 'children'
    if lacks_next then
        report('flow_without_then', 'it is closed, and its then was not made')
    elseif not is[2] and open <= 0 and not is_walked and (is[1] or waits) then
        report('flow_stuck', is[1] and 'it is over, and not closed' or 'its opener waits, and nobody is left')
    else
        return
    end
    if mend then
        flow.mend(q, id)
    end
end

local function remove(q, id, key)
    redis.call('DEL', key, key .. ':made', key .. ':ended', key .. ':back')
    redis.call('SREM', q.s .. 'flows:walk', id)
    redis.call('SREM', q.s .. 'flows:cancel', id)
end

local function check(q, id)
    local key = q.s .. 'flow:' .. id
    local is = redis.call('HMGET', q.job .. id, 'id', 'status', 'parked', 'opened')
    local head = redis.call('EXISTS', key) == 1
    local ttl = redis.call('PTTL', head and key or key .. (redis.call('EXISTS', key .. ':made') == 1 and ':made' or ':ended'))
    if ttl == -2 then
        return
    elseif not is[1] then
        if ttl == -1 then
            report('orphan_flow', 'it goes with its opener, and that is gone')
            if mend then
                remove(q, id, key)
            end
        end
        return
    elseif ttl >= 0 and not redis.call('HGET', key, 'closed') then
        report('flow_expires', 'it is open, and would be deleted')
        for _, of in ipairs(mend and {'', ':made', ':ended', ':back'} or {}) do
            redis.call('PERSIST', key .. of)
        end
    end
    if not head then
        report('missing_flow', 'there are lists of it, and nothing else')
        if mend then
            redis.call('HSET', key, 'made', 0)
        end
    end
    check_opener(q, id, key, is[2], is[4])
    if not redis.call('HGET', key, 'closed') and redis.call('LLEN', key .. ':made') <= MEMBERS_MAX then
        check_members(q, key)
    end
    check_counts(key)
    check_over(q, id, key, is[2], is[3])
end

local reply = {}
for i = 1, take_number() do
    local q, id = queues[take()], take()
    found = {}
    check(q, id)
    reply[i] = found
end
flow.finish()
finish()
return reply
