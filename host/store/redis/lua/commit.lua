-- use: queue claim place fence packed
-- COMMIT: what attempts ask for, and what becomes of their jobs; each item wholly or not at all.
--   ARGV   for each queue the bytes that its jobs and its results may take ('' = any); the limits of
--          steps, their bytes, warnings, outputs, lines of history; the number of items; items
--   reply  for each item where the job is now, or {that, names and texts of outputs that were replaced}, or a
--          number (below, lib/effects.lua); then for each queue its bytes of jobs and of results
local STALE, ODD = -3, -4 -- op_commit.c knows these

-- An item, in the order of commit_write.c:
--   its head   queue (its number)  claim as it was before  where the job goes  due time, or how long it is kept (ms),
--              or ''  form; or '' = as that of the item before
--   id, and by its form
--     WHOLE    all of its hash as it is then, in one word (redis/rdb.h); nothing hangs on it
--     PLAIN    n  n names and values of its hash that change
--     FULL     that;  settings;  n  n names that go;  effects (lib/effects.lua)
-- The settings, by name:
--   type      if it does not end       in_front  1
--   priority  if not normal            laden     1 = something may hang on it, else surely nothing
--   key       dedup key                ttl       how long that outlives a success, ms
--   tombstone ms                       schedule  whose it is
--   user      if it does not end: in whose line it stands
--   flow      whose member it is       flow_queue  where that one is, if elsewhere
--   opens     1 = it may have a flow   waits     1 = it is to wait for its children
--   on_dead   of its flow              then_id, then_job  what comes behind it (lib/flow.lua)
--   awaits    the event that it waits for, and wait_for (core/waits.h)
--   events    how many are published: behind all else 5 words each, as in event_put.lua; event_count, event_bytes: how
--             many of a name, and bytes, may be kept
local FORM_WHOLE, FORM_FULL = '0', '2'
local last_head
local function take_commit_head()
    if take() ~= '' then
        last_head = {q = queues[ARGV[argument]], claim = take(), to = take(), at = tonumber(take()), form = take()}
        packed = packed or last_head.form == FORM_WHOLE
    end
    return last_head
end

-- The claim is not as it was: this one was applied before, or belongs to nobody any more.
local function missed(it, key, claim)
    local token, host, before = read_claim(it.claim)
    local its_token, its_host, stored, over = read_claim(claim)
    local same = token == its_token and host == its_host and 1 or 0
    local verdict = fence(not over, same, stored, 1, before + 1, it.to == 'running')
    if verdict == FENCE_APPLIED then
        return redis.call('HGET', key, 'status')
    end
    return verdict == FENCE_STALE and STALE or ODD
end

-- Those in a row that have the same head, and nothing hangs on their jobs.
local function commit_whole(of, owns, first, last, reply)
    local q, ttl = of.q, of.at > 0 and text_of(of.at + KEEP_MORE_MS) or '0'
    local expires = of.at > 0 and q.j ~= ''
    local ids, kept, score, expiry, til = ends_of(q, of.to, of.at)
    for i = first, last do
        local own = owns[i]
        local id = ARGV[own + 1]
        local key = q.job .. id
        local claim = redis.call('HGET', key, 'claim')
        if claim == of.claim then
            redis.call('RESTORE', key, ttl, ARGV[own + 2], 'REPLACE')
            conclude(id, ids, kept, score, expiry, til)
            if expires then
                redis.call('PEXPIRE', 'jh:idx:' .. id, ttl)
            end
            reply[i] = of.to
        else
            reply[i] = missed(of, key, claim)
        end
    end
end

local function answer(reply)
    local bytes = {}
    for i = 1, #queues do
        local of = redis.call('HMGET', queues[i].s .. 'bytes', 'jobs', 'results')
        bytes[i] = {of[1] or '0', of[2] or '0'}
    end
    return {reply, bytes}
end

for i = 1, #queues do
    queues[i].room = {jobs = take_number(), results = take_number()}
end
local limits = {steps = take_number(), step_bytes = take_number(), warnings = take_number(), outputs = take_number(),
                history = take_number()}
local count = take_number()
local item_heads, items, reply = {}, {}, {} -- of a whole one: where its own words are in ARGV

-- The head of the first item from `i` on that is not whole, and its place; those before have been taken.
local function take_whole(i)
    while i <= count do
        local of = take_commit_head()
        item_heads[i] = of
        if of.form ~= FORM_WHOLE then
            return i
        end
        items[i] = argument
        argument = argument + 2
        i = i + 1
    end
    return i
end

local function last_like(i)
    while item_heads[i + 1] == item_heads[i] do
        i = i + 1
    end
    return i
end

local at = take_whole(1)
if at > count then -- mostly all are: the rest of this script is not for them
    local refusal = count > 0 and refuse_packed()
    if refusal then
        return refusal
    end
    at = 1
    while at <= count do
        local last = last_like(at)
        commit_whole(item_heads[at], items, at, last, reply)
        at = last + 1
    end
    finish()
    return answer(reply)
end

-- use: (share users) ending insert schedule flow unwait (dedup weigh meet) kv kv_write effects events
-- What commit() takes, behind its head.
local function take_commit(of)
    local own = argument
    local first = own + 3
    local last = own + 2 + ARGV[own + 2]
    local it = {q = of.q, claim = of.claim, to = of.to, at = of.at, id = ARGV[own + 1], first = first, last = last,
                priority = false}
    argument = last
    if of.form == FORM_FULL then
        take_settings(it)
        it.gone_first, it.gone_last = take_range(take_number())
        it.effects = take_effects()
        if it.events then
            it.first_event, it.last_event = take_range(it.events * 5)
        end
    end
    return it
end

-- SIDE_FIELDS stand first of what is read besides, as set_ttl() wants them.
local NUMBERS = {'steps', 'stepBytes', 'warnings', 'outputs', 'outputBytes', 'history', 'log'}
local MORE = {unpack(SIDE_FIELDS)}
for _, name in ipairs({'resultBlob', 'stepBytes', 'outputBytes'}) do
    MORE[#MORE + 1] = name
end
local AT = {}
for i, name in ipairs(MORE) do
    AT[name] = i
end

local function numbers_of(has)
    local job = {}
    for _, name in ipairs(NUMBERS) do
        job[name] = tonumber(has[AT[name]] or 0)
    end
    return job
end

-- Writes the numbers that changed (a field of 0 is none), and corrects `has`.
local function write_numbers(key, has, job)
    local changed, gone = {}, {}
    for _, name in ipairs(NUMBERS) do
        local value, was = job[name], has[AT[name]]
        if value > 0 and value ~= tonumber(was or 0) then
            changed[#changed + 1] = name
            changed[#changed + 1] = text_of(value)
        elseif value == 0 and was then
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
    redis.call('HSET', key, 'status', it.to)
    redis.call('HDEL', key, 'dueAt', 'parked', 'waitKey', 'waitFor')
    if it.at > 0 then
        redis.call('HSET', key, 'deleteAt', text_of(now + it.at))
    end
end

local function write_hash(it, key)
    redis.call('HSET', key, unpack(ARGV, it.first, it.last)) -- first: what a full server refuses
    if it.gone_first and it.gone_last >= it.gone_first then
        redis.call('HDEL', key, unpack(ARGV, it.gone_first, it.gone_last))
    end
end

-- It does not wait for children when all have ended.
local function meet_children(it, key)
    if it.waits and not flow.waits(it.q, it.id) then
        it.to, it.at = 'queued', nil
        redis.call('HSET', key, 'status', it.to, 'ready', text_of(now))
        redis.call('HDEL', key, 'dueAt', 'parked', 'waitKey')
    end
end

-- Where it goes from RUNNING. To one that has ended it does not matter what it was asked.
local function go(it, key, has)
    local q = it.q
    local ask = not FINAL[it.to] and redis.call('HGET', key, 'ask')
    if ask then
        redis.call('HDEL', key, 'ask')
        divert(it, key, ask)
    end
    if not FINAL[it.to] then
        meet_children(it, key)
        leave(q, it.id, 'running')
        enter(q, it.id, it.to, it.type, it.priority, it.at, it.in_front, it.user)
        if it.awaits and it.to == 'parked' then
            begin_wait(q, it.id, it.awaits, it.wait_for)
        end
    else
        conclude(it.id, ends_of(q, it.to, it.at))
        finish_job(q, it.id, it.to, it.at, it.key, tonumber(it.ttl), it.tombstone, has)
        end_scheduled(q, it.id, it.schedule)
    end
    if FINAL[it.to] and (it.flow or it.opens) then
        local asked = it.opens and redis.call('HEXISTS', key, 'ask') == 1
        flow.ended(q, it.id, it.to, it.flow, it.flow_queue, it.opens, asked)
    end
end

-- The effects of an item that will be applied: nil and replaced outputs, or why it cannot be.
local function work(it, key, has, limits)
    local e, job = it.effects, numbers_of(has)
    local refusal = check_effects(it.q, it.id, e, job, limits)
    if refusal then
        return refusal
    end
    local had = has[AT.resultBytes] and not has[AT.resultBlob] and tonumber(has[AT.resultBytes])
    local replaced = apply_effects(it.q, it.id, e, job, limits, had)
    write_numbers(key, has, job)
    if e.result ~= '' then
        has[AT.resultBytes] = e.data
    end
    return nil, replaced
end

local function sum_of_events(it, but_kept)
    local bytes = 0
    for i = it.first_event, it.last_event, 5 do
        if not but_kept or not is_kept(ARGV[i], ARGV[i + 2]) then
            bytes = bytes + EVENT_OVERHEAD
            for word = i + 1, i + 4 do
                bytes = bytes + #ARGV[word]
            end
        end
    end
    return bytes
end

-- Those that are kept already add nothing.
local function is_room_for_events(it)
    return has_event_room(sum_of_events(it, false)) or has_event_room(sum_of_events(it, true))
end

local function publish_events(it)
    local b = {count = tonumber(it.event_count), bytes = tonumber(it.event_bytes)}
    for i = it.first_event, it.last_event, 5 do
        put_event(ARGV[i], {type = ARGV[i + 1], key = ARGV[i + 2], user = ARGV[i + 3], data = ARGV[i + 4]}, b, false)
    end
end

local function commit(it, limits)
    local key, replaced, refusal = it.q.job .. it.id, nil, nil
    local claim = redis.call('HGET', key, 'claim')
    if claim ~= it.claim then
        return missed(it, key, claim)
    end
    if it.events and not is_room_for_events(it) then
        return OVER_QUOTA
    end
    local has = (it.laden or it.effects) and redis.call('HMGET', key, unpack(MORE)) or NO_SIDES
    if it.effects then
        refusal, replaced = work(it, key, has, limits)
        if refusal then
            return refusal
        end
    end
    if it.on_dead or it.then_id then
        flow.ask(it.q, it.id, it.on_dead, it.then_id, it.then_job)
    end
    write_hash(it, key)
    if it.to ~= 'running' then
        go(it, key, has)
    end
    if it.events then
        publish_events(it)
    end
    return replaced and {it.to, unpack(replaced)} or it.to
end

while at <= count do
    items[at] = take_commit(item_heads[at])
    at = take_whole(at + 1)
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
for i, of in ipairs(item_heads) do
    if of.form == FORM_WHOLE then
        commit_whole(of, items, i, i, reply)
    else
        reply[i] = commit(items[i], limits)
    end
end
finish_inserts()
flow.finish()
finish()
kv_finish()
finish_effects()
return answer(reply)
