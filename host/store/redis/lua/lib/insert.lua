-- A new job: from SUBMIT, from a commit that has children, from the outbox.
local NEW, DUPLICATE, REPEATED, HELD, OVER_BUDGET, FULL = 0, 1, 3, 4, 5, 6 -- op_submit.c knows these
local PARCEL_KEEP_MS = 691200000 -- 8 days: longer than any host sleeps between two steps

-- What comes of each item, in the order of op_submit.c: its words stay in ARGV.
--   its head   queue (its number)  type  its bytes for the budget  n  settings; or '' = as that of the item before
--   id  its 16 bytes  n names and values of its hash, as it is when it is queued, or 1 word that says them all
--   (redis/rdb.h)
-- The settings, by name:
--   priority  if not normal            due      unix ms, if not now
--   key       dedup key                mode     if not 'return'
--   bound     the tenant whose jobs alone may be told of when they hold the key
--   ends      unix ms, if the key lives by time
--   comes     'spooled', 'forwarded'   payload  one too large for the hash
--   max_waiting  how many may wait     keep_ms  how long it is kept as a duplicate, or the one that it replaces
--   tombstone    ms                    user     in whose line it stands
--   flow  whose member it is           flow_queue  where that one is, if not in its own
--   dies, why    it is dead from the start: code, message
--   once  what it is accepted once by (lib/once.lua)
--   ready        since when it could run, unix ms, if its id is older than that
--   and of one that may change another (mode 'debounce')
--   deadline     unix ms               usual_ttl  ms, of a key that says none
--   overhead     bytes of each job     files_of   under whose id its files are held: its own, or the one to be changed
local head           -- of the last item
local function take_head()
    if take() == '' then
        return head
    end
    head = {q = queues[ARGV[argument]], type = take(), bytes = take_number(), words = take_number(), priority = false,
            keep_ms = 0, id = false, raw = false, first = 0}
    local settings = ARGV[argument + 1]
    head.plain = head.words == 1 and settings == '0'
    take_settings(head)
    head.alike = head.plain or (head.words == 1 and settings == '1' and head.user ~= nil)
    head.due, head.max_waiting = head.due and tonumber(head.due), head.max_waiting and tonumber(head.max_waiting)
    head.keep_ms = tonumber(head.keep_ms)
    packed = packed or head.words == 1
    return head
end

-- An item as it stays in ARGV: its head, and where its own words are.
local function take_item()
    local of, own = take_head(), argument
    argument = own + 2 + of.words
    return of, own
end

-- That as insert() takes it; until the next one is made.
local function item(of, own)
    of.id, of.raw, of.first = ARGV[own + 1], ARGV[own + 2], own + 3
    return of
end

local function bytes_in_use(q)
    if not q.in_use then
        q.in_use = tonumber(redis.call('HGET', q.s .. 'bytes', 'jobs') or 0)
    end
    return q.in_use + noted.jobs
end

local function waiting(q)
    if not q.waited then
        q.waited = redis.call('ZCARD', q.s .. 'scheduled') + redis.call('ZCARD', q.s .. 'parked')
        for _, n in ipairs(redis.call('HVALS', q.s .. 'types')) do
            q.waited = q.waited + n
        end
        for _, c in pairs(q.counts or {}) do -- of this call, and not written yet
            q.waited = q.waited + c.n
        end
    end
    return q.waited
end

-- The job's keys; it is in no place yet.
local function write_job(it, status)
    local q, job = it.q, it.q.job .. it.id
    if it.words == 1 then
        redis.call('RESTORE', job, '0', ARGV[it.first])
    else
        redis.call('HSET', job, unpack(ARGV, it.first, it.first + it.words - 1))
    end
    if status ~= 'queued' then
        redis.call('HSET', job, 'status', status)
    end
    if it.payload then
        redis.call('SET', q.j .. 'payload:' .. it.id, it.payload)
    end
    if it.tombstone then
        redis.call('HSET', job, 'tombstone', it.tombstone)
    end
    if q.j ~= '' then
        redis.call('SET', 'jh:idx:' .. it.id, q.name)
    end
    q.new = q.new or {}
    q.new[#q.new + 1] = it.raw
    note_bytes(q, 'jobs', it.bytes)
end

local function is_over(q, more, room)
    return room and more > 0 and bytes_in_use(q) + more > room
end

-- What a job does whose key is held: lib/meet.lua.
local meet

-- Neither the job nor a tombstone of it is there, and its key is free. `room`: bytes that the queue's jobs may take in
-- all, nil = any; `leaves`: how many of those that wait go for it.
local function insert_new(it, room, leaves)
    local q = it.q
    if is_over(q, it.bytes, room) then
        return OVER_BUDGET
    elseif it.max_waiting and waiting(q) - leaves >= it.max_waiting then
        return FULL
    end
    local due = it.due and it.due > now and it.due
    local status = due and 'scheduled' or it.behind and 'parked' or 'queued'
    write_job(it, status)
    if it.behind then -- fire.lua: an earlier job of its schedule
        redis.call('HSET', q.job .. it.id, 'parked', 'schedule', 'waitKey', it.behind)
    end
    if due then
        redis.call('HSET', q.job .. it.id, 'dueAt', text_of(due))
    elseif it.ready then
        redis.call('HSET', q.job .. it.id, 'ready', it.ready)
    end
    enter(q, it.id, status, it.type, it.priority, due, nil, it.user)
    if it.key then
        hold_key(q, it.id, it.key, it.ends)
    end
    q.waited = q.waited and q.waited + 1
    return NEW
end

-- What is accepted once: lib/once.lua.
local insert_once, was_here

-- What became of it (see the head), and of a held key what meet() says. `fresh`: the caller knows that no job of that id
-- is there.
local function insert(it, room, fresh)
    local q = it.q
    if not fresh and redis.call('EXISTS', q.job .. it.id) == 1 then
        return REPEATED
    elseif it.comes and is_remembered(q, it.id) then
        return REPEATED
    end
    if it.once then
        return insert_once(it, room)
    end
    local holder = it.key and holder_of(q, it.key)
    local code, whom, state, due, files
    if holder then
        code, whom, state, due, files = meet(it, holder, room)
    else
        code = insert_new(it, room, 0)
    end
    if it.comes == 'forwarded' then -- until its parcel is surely gone: op_forward.c
        redis.call('SET', q.s .. 'tomb:' .. it.id, text_of(now + PARCEL_KEEP_MS), 'PX', text_of(PARCEL_KEEP_MS))
    end
    return whom and {code, whom, state, due, files} or code
end

-- The same for all jobs of a plain head, or of one that only says whose they are, the first to the last item, of which is
-- known that none is there: nothing has to be asked of each.
local function insert_plain(of, owns, keys, first, last, room, reply)
    local q, n, ids = of.q, 0, nil
    local fits = room and math.floor((room - bytes_in_use(q)) / of.bytes) or last
    local new = q.new or {}
    if of.user then
        ids = in_lines.note(q, nil, of.type, false, of.user)
    else
        local list = list_of(q, false)
        ids = tails[list] or {}
        tails[list] = ids
    end
    q.new = new
    for i = first, last do
        local own = owns[i]
        if n < fits then
            redis.call('RESTORE', keys[i], '0', ARGV[own + 3])
            if q.j ~= '' then
                redis.call('SET', 'jh:idx:' .. ARGV[own + 1], q.name)
            end
            ids[#ids + 1] = ARGV[own + 1]
            new[#new + 1] = ARGV[own + 2]
            n = n + 1
            reply[i] = NEW
        else
            reply[i] = OVER_BUDGET
        end
    end
    note_count(q, of.type, false, n, of.user)
    note_bytes(q, 'jobs', n * of.bytes)
    q.waited = q.waited and q.waited + n
end

-- With how many bytes do all of these ids begin alike? The ids of one host and ms share 8, those of a minute 4.
local function alike(ids, first, last)
    for size = 8, 4, -4 do
        local head, i = string.sub(ids[first], 1, size), first + 1
        while i <= last and string.sub(ids[i], 1, size) == head do
            i = i + 1
        end
        if i > last then
            return size
        end
    end
    return 0
end

-- Enters the new ids into the index of all jobs, in entries that SWEEP can look at one by one: what all of them begin with, then the rest of
-- each. Four of the longest fit into a node of the stream, of 4 KiB; three with 4 bytes alike, two with none. Before finish().
local ENTRY_IDS = 100
local function finish_inserts()
    for i = 1, #queues do
        local new = queues[i].new or {}
        for first = 1, #new, ENTRY_IDS do
            local last, rests = math.min(first + ENTRY_IDS - 1, #new), {}
            local size = alike(new, first, last)
            for k = first, last do
                rests[#rests + 1] = string.sub(new[k], size + 1)
            end
            redis.call('XADD', queues[i].s .. 'all', '*', 'p', string.sub(new[first], 1, size), 'i', table.concat(rests))
        end
    end
end

-- The last thing that a script does which takes new jobs alone: what each was told, and the bytes of each queue.
local function answer_inserts(reply)
    local bytes = {}
    finish_inserts()
    finish()
    for i = 1, #queues do
        bytes[i] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
    end
    return {reply, bytes}
end
