-- use: queue place ending insert fence kv kv_write effects
-- COMMIT: what attempts ask for, and what becomes of their jobs; each item wholly or not at all.
--   ARGV   for each queue the bytes that its jobs and its results may take ('' = any); the limits of
--          steps, their bytes, warnings, outputs, lines of history; the number of items; items
--   reply  for each item where the job is now, or {that, names and texts of outputs that were replaced}, or a
--          number (below, lib/effects.lua); then for each queue its bytes of jobs and of results
local STALE, ODD = -3, -4 -- op_commit.c knows these

-- An item, in the order of commit_write.c:
--   queue (its number)  id  token  number of the commit  where the job goes  type  priority
--   in front (1) or not ('');  due time, or how long it is kept (ms), or ''
--   dedup key ('' = none)  how long it outlives a success (ms)
--   n  n names and values of its hash that change;  n  n names that go
--   effects (lib/effects.lua)
local function take_commit()
    local it = {q = queues[take_number()], id = take(), token = take_number(), number = take_number(), to = take(),
                type = take(), priority = take(), in_front = take() == '1', at = take_number(), key = take(),
                ttl = take_number()}
    it.priority = it.priority ~= '' and it.priority
    it.first, it.last = take_range(take_number())
    it.gone_first, it.gone_last = take_range(take_number())
    it.effects = take_effects()
    return it
end

-- SIDE_FIELDS come first: set_ttl() reads them there.
local FIELDS = {unpack(SIDE_FIELDS)}
local SIDES = #FIELDS
for _, name in ipairs({'status', 'rev', 'token', 'commit', 'ask', 'tombstone', 'resultBlob', 'stepBytes',
                       'outputBytes'}) do
    FIELDS[#FIELDS + 1] = name
end
local AT = {}
for i, name in ipairs(FIELDS) do
    AT[name] = i
end
local LEAN = AT.tombstone -- what an item without effects reads

local function numbers_of(has)
    local job = {}
    for _, name in ipairs({'steps', 'stepBytes', 'warnings', 'outputs', 'outputBytes', 'history', 'log'}) do
        job[name] = tonumber(has[AT[name]] or 0)
    end
    return job
end

-- Writes the numbers that changed (a field of 0 is none), and corrects `has`.
local function write_numbers(key, has, job)
    local changed, gone = {}, {}
    for name, value in pairs(job) do
        if value > 0 and value ~= tonumber(has[AT[name]] or 0) then
            changed[#changed + 1] = name
            changed[#changed + 1] = text_of(value)
        elseif value == 0 and has[AT[name]] then
            gone[#gone + 1] = name
        end
        has[AT[name]] = value > 0 and value
    end
    if #changed > 0 then
        redis.call('HSET', key, unpack(changed))
    end
    if #gone > 0 then
        redis.call('HDEL', key, unpack(gone))
    end
end

-- What would make it wait again ends it, if it was asked to end.
local function divert(it, key, ask)
    it.to = 'cancelled'
    it.at = tonumber(string.match(ask, ' (%d+)$'))
    redis.call('HDEL', key, 'dueAt', 'parked', 'waitKey')
    if it.at > 0 then
        redis.call('HSET', key, 'deleteAt', text_of(now + it.at))
    end
end

local function go_on(it, key)
    redis.call('HSET', key, 'commit', it.number, 'begun', '1', unpack(ARGV, it.first, it.last))
    if it.gone_last >= it.gone_first then
        redis.call('HDEL', key, unpack(ARGV, it.gone_first, it.gone_last))
    end
end

local function go(it, key, has)
    local q, ask = it.q, has[AT.ask]
    redis.call('HDEL', key, 'host', 'begun', 'ask', unpack(ARGV, it.gone_first, it.gone_last))
    redis.call('HSET', key, 'rev', tonumber(has[AT.rev] or 1) + 1, 'commit', it.number,
               unpack(ARGV, it.first, it.last))
    if ask and not FINAL[it.to] then
        divert(it, key, ask)
    end
    redis.call('HSET', key, 'status', it.to)
    leave(q, it.id, 'running')
    enter(q, it.id, it.to, it.type, it.priority, it.at, it.in_front)
    if FINAL[it.to] then
        finish_job(q, it.id, it.to, it.at, it.key, it.ttl, has[AT.tombstone], has)
    end
end

local function commit(it, limits)
    local q, key, e = it.q, it.q.j .. 'job:' .. it.id, it.effects
    local has = redis.call('HMGET', key, unpack(FIELDS, 1, e and #FIELDS or LEAN))
    local status = has[AT.status]
    local verdict = fence(status == 'running', tonumber(has[AT.token] or 0), tonumber(has[AT.commit] or 0), it.token,
                          it.number, it.to == 'running')
    if verdict == FENCE_APPLIED then
        return status
    elseif verdict ~= FENCE_APPLY then
        return verdict == FENCE_STALE and STALE or ODD
    end
    local replaced
    if e then
        local job = numbers_of(has)
        local refusal = check_effects(q, it.id, e, job, limits)
        if refusal then
            return refusal
        end
        local had = has[AT.resultBytes] and not has[AT.resultBlob] and tonumber(has[AT.resultBytes])
        replaced = apply_effects(q, it.id, e, job, limits, had)
        write_numbers(key, has, job)
        if e.result ~= '' then
            has[AT.resultBytes] = e.data
        end
    end
    if it.to == 'running' then
        go_on(it, key)
    else
        go(it, key, has)
    end
    return replaced and {it.to, unpack(replaced)} or it.to
end

for i = 1, #queues do
    queues[i].room = {jobs = take_number(), results = take_number()}
end
local limits = {steps = take_number(), step_bytes = take_number(), warnings = take_number(), outputs = take_number(),
                history = take_number()}
local reply = {}
for i = 1, take_number() do
    reply[i] = commit(take_commit(), limits)
end
finish_inserts()
finish()
kv_finish()
finish_effects()
local bytes = {}
for i = 1, #queues do
    local of = redis.call('HMGET', queues[i].s .. 'bytes', 'jobs', 'results')
    bytes[i] = {of[1] or '0', of[2] or '0'}
end
return {reply, bytes}
