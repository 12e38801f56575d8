-- What an attempt asked for besides its end. check_effects() looks at every limit that depends on
-- what is stored before anything is written, so that an item happens wholly or not at all.
--
-- The words of an item, in the order of commit_write.c: '' for none of it, or 1 and
--   1 = the steps so far are dropped;  n  n times name, value                    steps
--   n  n times code NUL message                                                  warnings
--   n  n times name, text (side.h), bytes of the content                      outputs
--   the log's tail, '' = none;  a line of the history, '' = none
--   what becomes of the inline result: '' = stays, none, or inline and the data
--   the bytes of all children;  n  n items of lib/insert.lua                     children
--   n  n times opener of the flow of this queue that it becomes a member of ('' = none), the 16 bytes of its id,
--   m, m words: names and values                                                 parcels
--   lib/kv_write.lua
local TOO_MUCH, OVER_QUOTA = -1, -2 -- op_commit.c knows these

-- n times `width` words, which stay in ARGV: where they begin, and how many words they are
local function take_list(width)
    local first, last = take_range(take_number() * width)
    return {first = first, last = last, width = width, n = (last - first + 1) / width}
end

local function take_effects()
    if take() == '' then
        return nil
    end
    local e = {drop = take() == '1', steps = take_list(2), warnings = take_list(1), outputs = take_list(3),
               log = take(), line = take(), result = take(), children = {}, parcels = {}}
    if e.result == 'inline' then
        e.data = take()
    end
    e.child_bytes = take_number()
    for i = 1, take_number() do
        local of, own = take_item()
        e.children[i] = {of, own}
    end
    for i = 1, take_number() do
        local of, raw = take(), take()
        e.parcels[i] = take_list(1)
        e.parcels[i].flow, e.parcels[i].raw = of ~= '' and of, raw
    end
    e.kv = take_kv()
    return e
end

-- Bytes of a step that is stored, or nil.
local function step_size(key, name)
    local size = redis.call('HSTRLEN', key, name)
    return (size > 0 or redis.call('HEXISTS', key, name) == 1) and size or nil
end

-- Steps that replace others do not count twice.
local function sum_of_steps(key, e, count, bytes)
    local sizes = {}
    for i = e.steps.first, e.steps.last, 2 do
        local name, size = ARGV[i], #ARGV[i + 1]
        local old = sizes[name] or (not e.drop and step_size(key, name))
        count = count + (old and 0 or 1)
        bytes = bytes + size - (old or 0)
        sizes[name] = size
    end
    return count, bytes
end

local function too_many_steps(q, id, e, job, limits)
    local count = e.drop and 0 or job.steps
    local bytes = e.drop and 0 or job.stepBytes
    local most = bytes
    for i = e.steps.first, e.steps.last, 2 do
        most = most + #ARGV[i + 1]
    end
    if count + e.steps.n > limits.steps or most > limits.step_bytes then
        count, bytes = sum_of_steps(q.j .. 'steps:' .. id, e, count, bytes)
        return count > limits.steps or bytes > limits.step_bytes
    end
    return false
end

local function too_many_outputs(q, id, e, job, limits)
    if job.outputs + e.outputs.n <= limits.outputs then
        return false
    end
    local seen, more = {}, 0
    for i = e.outputs.first, e.outputs.last, 3 do
        local name = ARGV[i]
        if not seen[name] and redis.call('HEXISTS', q.j .. 'outputs:' .. id, name) == 0 then
            more = more + 1
        end
        seen[name] = true
    end
    return job.outputs + more > limits.outputs
end

local function over(q, class, bytes)
    local room = q.room[class]
    if not room or bytes == 0 then
        return false
    end
    local is = tonumber(redis.call('HGET', q.s .. 'bytes', class) or 0)
    return is + noted[class] + bytes > room
end

-- nil, or why it cannot be. `job`: numbers that the job has.
local function check_effects(q, id, e, job, limits)
    if e.steps.n > 0 and too_many_steps(q, id, e, job, limits) then
        return TOO_MUCH
    elseif over(q, 'jobs', e.child_bytes) then
        return OVER_QUOTA
    elseif e.outputs.n > 0 and too_many_outputs(q, id, e, job, limits) then
        return TOO_MUCH
    elseif not kv_check(e.kv) then
        return OVER_QUOTA
    elseif e.data and over(q, 'results', #e.data) then
        return OVER_QUOTA
    end
    return nil
end

local function put_steps(q, id, e, job)
    local key, names = q.j .. 'steps:' .. id, q.j .. 'steps:' .. id .. ':names'
    local before = job.stepBytes
    if e.drop and job.steps > 0 then
        redis.call('DEL', key, names)
        job.steps, job.stepBytes = 0, 0
    end
    for i = e.steps.first, e.steps.last, 2 do
        local name, value = ARGV[i], ARGV[i + 1]
        local old = job.steps > 0 and redis.call('HSTRLEN', key, name) or 0
        if redis.call('HSET', key, name, value) == 1 then
            redis.call('RPUSH', names, name)
            job.steps = job.steps + 1
        end
        job.stepBytes = job.stepBytes + #value - old
    end
    note_bytes(q, 'jobs', job.stepBytes - before)
end

-- Those beyond the limit are only counted.
local function put_warnings(q, id, e, job, limits)
    local room = math.max(limits.warnings - job.warnings, 0)
    local last = math.min(e.warnings.last, e.warnings.first + room - 1)
    if last >= e.warnings.first then
        redis.call('RPUSH', q.j .. 'warnings:' .. id, unpack(ARGV, e.warnings.first, last))
    end
    job.warnings = job.warnings + e.warnings.n
end

-- The size in the packed text of an output (side.c): behind its type, if it has one, and its hash.
local function varint(text, at)
    local n, factor = 0, 1
    while true do
        local byte = string.byte(text, at)
        at, n, factor = at + 1, n + byte % 128 * factor, factor * 128
        if byte < 128 then
            return n, at
        end
    end
end
local function size_of_output(text)
    local at = 1
    while true do
        local key, length
        key, at = varint(text, at)
        length, at = varint(text, at)
        if key == 6 then
            return length / 2
        end
        at = at + length + 1
    end
end

-- Answers names and texts of those that were replaced: their blobs are named no more.
local function put_outputs(q, id, e, job)
    local key, replaced = q.j .. 'outputs:' .. id, {}
    for i = e.outputs.first, e.outputs.last, 3 do
        local old = redis.call('HGET', key, ARGV[i])
        if old then
            replaced[#replaced + 1] = ARGV[i]
            replaced[#replaced + 1] = old
            job.outputBytes = job.outputBytes - size_of_output(old)
        else
            job.outputs = job.outputs + 1
        end
        redis.call('HSET', key, ARGV[i], ARGV[i + 1])
        job.outputBytes = job.outputBytes + tonumber(ARGV[i + 2])
    end
    return replaced
end

local function put_log(q, id, tail, job)
    redis.call('SET', q.j .. 'log:' .. id, tail)
    job.log = #tail
end

local function put_line(q, id, line, job, limits)
    local key = q.j .. 'history:' .. id
    job.history = redis.call('RPUSH', key, line)
    if job.history > limits.history then
        redis.call('LTRIM', key, -limits.history, -1)
        job.history = limits.history
    end
end

-- `had`: bytes of the inline result that is there, or nil.
local function put_result(q, id, e, had)
    if had then
        note_bytes(q, 'results', -had)
        redis.call('DEL', q.j .. 'results:' .. id)
    end
    if e.data then
        redis.call('SET', q.j .. 'results:' .. id, e.data)
        note_bytes(q, 'results', #e.data)
    end
end

-- Children of the job's own queue arrive here, the others go by the outbox.
local function put_children(q, id, e)
    for _, child in ipairs(e.children) do
        local of = item(child[1], child[2])
        if not of.flow or flow.grows(q, of.flow, of.flow == id) == 1 then
            local code = insert(of, nil) -- its room was looked for
            if of.flow then
                flow.add(q, of.flow, of.raw)
            end
            if of.flow and code ~= NEW then -- it has ended where it was made
                flow.ended(q, of.id, 'duplicate', of.flow)
            end
        end
    end
    for _, p in ipairs(e.parcels) do
        if not p.flow or flow.grows(q, p.flow, p.flow == id) == 1 then
            redis.call('XADD', q.s .. 'outbox', '*', unpack(ARGV, p.first, p.last))
            q.parcels = true
            if p.flow then
                flow.add(q, p.flow, p.raw)
            end
        end
    end
end

-- Writes all of it but the job's own hash, and answers replaced outputs. `job` has the new numbers
-- then.
local function apply_effects(q, id, e, job, limits, had)
    if e.steps.n > 0 or e.drop then
        put_steps(q, id, e, job)
    end
    if e.warnings.n > 0 then
        put_warnings(q, id, e, job, limits)
    end
    local replaced = e.outputs.n > 0 and put_outputs(q, id, e, job)
    if e.log ~= '' then
        put_log(q, id, e.log, job)
    end
    if e.line ~= '' then
        put_line(q, id, e.line, job, limits)
    end
    if e.result ~= '' then
        put_result(q, id, e, had)
    end
    put_children(q, id, e)
    kv_write(e.kv)
    return replaced
end

local function finish_effects()
    for i = 1, #queues do
        if queues[i].parcels then
            publish('o', queues[i].name)
        end
    end
end
