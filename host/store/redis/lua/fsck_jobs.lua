-- use: queue claim place share users schedule unwait events
-- FSCK: is each of some jobs in the place of its state and in no other, does it expire only when it
-- may, and is what hangs on it there? A script sees no half of a change, so what it finds is so.
--   ARGV   mend (1, 0); the number of items; items: queue, id, how it was met: 'list' (once, in one of
--          the lists), 'again' (in a list, and somewhere before), 'nowhere' (in no list, while it had a
--          revision: all lists were read for it), '' (otherwise); that revision
--   reply  for each {its fields, {code, words, mended (1, 0), code, ...}, its revision, if it is queued and may
--          be in a list that is too long to be searched, else 0}
local mend = take() == '1'
local found, unsure

local function report(code, words, mended)
    found[#found + 1] = code
    found[#found + 1] = words
    found[#found + 1] = mended and 1 or 0
end

-- All lists of the queue in which a job of the type may stand, its own first.
local function lists_for(q, type, priority, user)
    local all = {list_of(q, priority), aside_of(q, type, priority)}
    if user then
        table.insert(all, takes_turns(q) and 1 or 3, line_of(q, type, priority, user))
    end
    for _, p in ipairs({'high', false, 'low'}) do
        if p ~= priority then
            all[#all + 1] = list_of(q, p)
            all[#all + 1] = aside_of(q, type, p)
            all[#all + 1] = user and line_of(q, type, p, user) or nil
        end
    end
    return all
end

-- Where it is in lists that can be searched, how often in all; how long all lists are, and whether one is
-- too long.
local function look_in_lists(q, id, type, priority, user)
    local where, times, length, long = {}, 0, 0, false
    for _, list in ipairs(lists_for(q, type, priority, user)) do
        local len = redis.call('LLEN', list)
        local n = len > 0 and len <= SEARCHED_MAX and #redis.call('LPOS', list, id, 'COUNT', 0) or 0
        length = length + len
        long = long or len > SEARCHED_MAX
        if n > 0 then
            where[#where + 1] = {list = list, n = n}
            times = times + n
        end
    end
    return where, times, length, long
end

-- Who has a line takes turns.
local function check_turns(q, job)
    local line = job.user and line_of(q, job.type, job.priority, job.user)
    if not line or redis.call('EXISTS', line) == 0 then
        return
    end
    local b = turns_of(q, job.type, job.priority)
    local turn = redis.call('HGET', b.users, job.user)
    if turn and redis.call('ZSCORE', b.turns, turn .. ' ' .. job.user) then
        return
    end
    if mend then
        for _, member in ipairs(redis.call('ZRANGE', b.turns, 0, SEARCHED_MAX)) do
            if string.sub(member, 18) == job.user then
                redis.call('ZREM', b.turns, member)
            end
        end
        user_comes(b, job.user)
        publish('r', q.name, job.type)
    end
    report('line_without_turns', 'its tenant has a line, and no turns', mend)
end

local function check_queued(q, id, job, met, rev)
    check_turns(q, job)
    if met == 'list' then
        return
    end
    local where, times, length, long = look_in_lists(q, id, job.type, job.priority, job.user)
    local is = revision(job.rev, job.claim)
    if times == 0 and long and not (met == 'nowhere' and rev == is) then
        unsure = met == '' and is or 0
    elseif times == 0 then
        if mend then
            redis.call('RPUSH', list_of(q, job.priority), id)
            publish('r', q.name, job.type)
        end
        report('job_in_no_place', 'queued, and in no list', mend)
    elseif times > 1 and length <= SEARCHED_MAX then -- else one may be left of an earlier turn
        for i, at in ipairs(mend and where or {}) do
            if i > 1 then
                redis.call('LREM', at.list, 0, id)
            elseif at.n > 1 then
                redis.call('LREM', at.list, 1 - at.n, id) -- those nearest to the tail
            end
        end
        report('job_in_two_places', 'queued ' .. times .. ' times', mend)
    end
end

-- When a job that is not in its place has its turn there.
local function score_for(job)
    if job.status == 'running' then
        return text_of(server_ms()) -- its lease is over: RECOVER asks
    elseif job.status == 'scheduled' then
        return job.dueAt or text_of(now)
    elseif job.status == 'parked' then
        return job.dueAt or '+inf'
    elseif job.status == 'dead' then
        return job.finishedAt or text_of(now)
    end
    return job.deleteAt or '+inf'
end

local function check_zsets(q, id, job)
    local own = ZSET_OF[job.status]
    for _, place in pairs(ZSET_OF) do
        local is = redis.call('ZSCORE', q.s .. place, id)
        if is and place ~= own then
            if mend then
                redis.call('ZREM', q.s .. place, id)
            end
            report('job_in_two_places', job.status .. ', and in ' .. place, mend)
        elseif not is and place == own then
            if mend then
                redis.call('ZADD', q.s .. place, score_for(job), id)
            end
            report('job_in_no_place', job.status .. ', and not in ' .. place, mend)
        end
    end
    local listed = redis.call('ZSCORE', q.s .. 'dlq:expiry', id)
    local wanted = job.status == 'dead' and job.deleteAt
    if listed and job.status ~= 'dead' then
        if mend then
            redis.call('ZREM', q.s .. 'dlq:expiry', id)
        end
        report('listed_elsewhere', job.status .. ', and in dlq:expiry', mend)
    elseif wanted and not listed then
        if mend then
            redis.call('ZADD', q.s .. 'dlq:expiry', wanted, id)
        end
        report('not_listed', 'dead, with an end, and not in dlq:expiry', mend)
    end
end

local function check_ttl(q, id, job)
    if FINAL[job.status] then
        return
    end
    local expires = 0
    each_key(q, id, function(key)
        if redis.call('PTTL', key) >= 0 then
            expires = expires + 1
            if mend then
                redis.call('PERSIST', key)
            end
        end
    end)
    if expires > 0 then
        report('job_expires', job.status .. ', and ' .. expires .. ' of its keys expire', mend)
    end
end

local function check_index(q, id)
    if q.j ~= '' and redis.call('GET', 'jh:idx:' .. id) ~= q.name then
        if mend then
            redis.call('SET', 'jh:idx:' .. id, q.name)
        end
        report('not_listed', 'jh:idx does not tell its queue', mend)
    end
end

-- field that says so -> {name in codes, key behind J, fields that go with it, can be mended}
local HANGING = {
    payloadBytes = {'payloads', 'payload:'},
    steps = {'steps', 'steps:', {'steps', 'stepBytes', 'stepsVersion'}},
    warnings = {'warnings', 'warnings:', {'warnings'}},
    history = {'attempts', 'history:', {'history'}},
    log = {'logs', 'log:', {'log'}},
    outputs = {'outputs', 'outputs:', {'outputs', 'outputBytes'}},
    resultBytes = {'results', 'results:', {'resultBytes', 'resultType'}},
}

local function check_missing(q, id, job)
    for field, of in pairs(HANGING) do
        local named = job[field] and not (field == 'resultBytes' and (job.resultBlob or job.resultBytes == '0'))
        if named and redis.call('EXISTS', q.j .. of[2] .. id) == 0 then
            local can = mend and of[3] ~= nil
            if can then
                redis.call('HDEL', q.job .. id, unpack(of[3]))
                redis.call('DEL', q.j .. of[2] .. id .. ':names')
                job[field] = nil
            end
            report('missing_' .. of[1], 'there is no ' .. of[2] .. ' of it', can)
        end
    end
end

local function check_steps(q, id, job)
    local key, names = q.j .. 'steps:' .. id, q.j .. 'steps:' .. id .. ':names'
    local count, bytes, listed = 0, 0, {}
    for _, name in ipairs(redis.call('HKEYS', key)) do
        count = count + 1
        bytes = bytes + redis.call('HSTRLEN', key, name)
        listed[name] = false
    end
    local odd = false
    for _, name in ipairs(redis.call('LRANGE', names, 0, -1)) do
        odd = odd or listed[name] ~= false
        if listed[name] == false then
            listed[name] = true
        elseif mend then
            redis.call('LREM', names, -1, name)
        end
    end
    for name, is in pairs(listed) do
        odd = odd or not is
        if mend and not is then
            redis.call('RPUSH', names, name)
        end
    end
    if odd or count ~= tonumber(job.steps) or bytes ~= tonumber(job.stepBytes or 0) then
        if mend then
            redis.call('HSET', q.job .. id, 'steps', count, 'stepBytes', bytes)
        end
        report('step_count', count .. ' steps of ' .. bytes .. ' bytes', mend)
    end
end

local function check_outputs(q, id, job)
    local count = redis.call('HLEN', q.j .. 'outputs:' .. id)
    if count ~= tonumber(job.outputs) then
        if mend then
            redis.call('HSET', q.job .. id, 'outputs', count)
        end
        report('output_count', count .. ' outputs', mend)
    end
end

local function check_hanging(q, id, job)
    check_missing(q, id, job)
    if job.steps then
        check_steps(q, id, job)
    end
    if job.outputs then
        check_outputs(q, id, job)
    end
end

-- One that is gone: Redis deletes a final job some time after its end, and SWEEP what is left of it.
local function check_gone(q, id, met)
    local left = 0
    local expiry = redis.call('ZSCORE', q.s .. 'dlq:expiry', id)
    for status, place in pairs(ZSET_OF) do
        local at = redis.call('ZSCORE', q.s .. place, id)
        if at and status == 'dead' then
            at = expiry or '+inf'
        end
        if at and not (FINAL[status] and tonumber(at) <= now) then
            left = left + 1
            if mend then
                redis.call('ZREM', q.s .. place, id)
                redis.call('ZREM', q.s .. 'dlq:expiry', id)
            end
        end
    end
    if met ~= '' then
        local lists = {}
        for _, p in ipairs({'high', false, 'low'}) do
            lists[#lists + 1] = list_of(q, p)
            for _, field in ipairs(redis.call('HKEYS', q.s .. 'types')) do
                lists[#lists + 1] = aside_of(q, string.match(field, '^[^:]*'), p)
            end
        end
        for _, list in ipairs(lists) do
            local short = redis.call('LLEN', list) <= SEARCHED_MAX
            local n = short and #redis.call('LPOS', list, id, 'COUNT', 0) or 0
            left = left + n
            if n > 0 and mend then
                redis.call('LREM', list, 0, id)
            end
        end
    end
    if left > 0 then
        report('orphan_entry', 'a place names a job that there is not', mend)
    end
end

-- Its schedule knows of a job until that is over.
local function check_schedule(q, id, job)
    if FINAL[job.status] or redis.call('ZSCORE', unfinished_of(q, job.schedule), id) then
        return
    end
    if mend then
        add_unfinished(q, job.schedule, id, job.status == 'parked' and job.parked == 'schedule')
    end
    report('schedule_job_missing', 'its schedule does not know that it is not over', mend)
end

-- A job that waits for an event is entered for it. FORWARD strikes out those that do so no more.
local function check_wait(q, id, job)
    if redis.call('ZSCORE', event_key(job.waitKey) .. ':waits', id .. ' ' .. q.name) then
        return
    end
    if mend then
        begin_wait(q, id, job.waitKey, job.waitFor)
    end
    report('event_wait_missing', 'it waits for an event, and would not be told', mend)
end

local function check_job(q, id, job, met)
    if job.status == 'queued' then
        check_queued(q, id, job, met)
    elseif job.status == 'running' and select(4, read_claim(job.claim)) then
        if mend then
            redis.call('ZADD', q.s .. 'processing', text_of(server_ms()), id)
        end
        report('running_without_claim', 'no host has it', mend)
    end
    check_zsets(q, id, job)
    check_ttl(q, id, job)
    check_index(q, id)
    check_hanging(q, id, job)
    if job.opened and redis.call('EXISTS', q.s .. 'flow:' .. id) == 0 then
        if mend then
            redis.call('HSET', q.s .. 'flow:' .. id, 'made', 0) -- the rest is fsck_flows.lua's
        end
        report('missing_flow', 'it has opened a flow, and there is none', mend)
    end
    if job.schedule then
        check_schedule(q, id, job)
    end
    if job.status == 'parked' and job.parked == 'event' and job.waitKey and #job.waitKey <= 200 and
       string.match(job.waitKey, '^[%w_.:@-]+$') then
        check_wait(q, id, job)
    end
end

local reply = {}
for i = 1, take_number() do
    local q, id, met, rev = queues[take()], take(), take(), take_number()
    local fields, job = redis.call('HGETALL', q.job .. id), {}
    found, unsure = {}, 0
    for k = 1, #fields, 2 do
        job[fields[k]] = fields[k + 1]
    end
    job.priority = (job.priority == 'high' or job.priority == 'low') and job.priority
    if met == 'nowhere' then -- all else was looked at before
        if job.status == 'queued' and job.type then
            check_queued(q, id, job, met, rev)
        end
    elseif #fields == 0 then
        check_gone(q, id, met)
    elseif (job.status == 'queued' or ZSET_OF[job.status]) and job.type and job.id == id then
        check_job(q, id, job, met)
    elseif job.status and job.status ~= 'queued' and not ZSET_OF[job.status] then
        report('job_unknown_state', string.format('"%.20s" is no state', job.status), false)
    end
    reply[i] = {fields, found, unsure}
end
in_lines.finish()
return reply
