-- A final job is deleted, with all that hangs on it.
local ABSENT, REMOVED, NOT_FINAL, IN_USE = 0, 1, 2, 3 -- op_remove.c knows these

-- What it named blobs with: {queue, id, files, result, names and texts of outputs}; nil: it named none.
local function blobs_of(q, id, map)
    if not map.files and not map.resultBlob and not map.outputs then
        return nil
    end
    local outputs = map.outputs and redis.call('HGETALL', q.j .. 'outputs:' .. id) or {}
    return {q.name, id, map.files or '', map.resultBlob or '', unpack(outputs)}
end

-- Of a job that has made others: is its flow open, which it must not leave behind? Else that goes with it.
local function keeps_flow(q, id)
    local key = q.s .. 'flow:' .. id
    local is = redis.call('HMGET', key, 'made', 'closed')
    if is[1] and not is[2] then
        return true
    elseif is[1] then
        redis.call('UNLINK', key, key .. ':made', key .. ':ended', key .. ':back')
    end
    return false
end

-- What became of it, and the blobs that it named.
local function remove_job(q, id, overhead)
    local map = fields_of(q.job .. id)
    if not map.status then
        return ABSENT
    elseif not FINAL[map.status] then
        return NOT_FINAL
    elseif map.opened and keeps_flow(q, id) then
        return IN_USE
    end
    local blobs = blobs_of(q, id, map)
    note_bytes(q, 'jobs', -bytes_of(map, overhead))
    if map.resultBytes and not map.resultBlob then
        note_bytes(q, 'results', -tonumber(map.resultBytes))
    end
    if map.tombstone then
        remember(q, id, map.tombstone)
    end
    local has = {}
    for i, name in ipairs(SIDE_FIELDS) do
        has[i] = map[name]
    end
    leave(q, id, map.status)
    each_key(q, id, function(key) redis.call('UNLINK', key) end, has)
    return REMOVED, blobs
end

local function count_jobs(q)
    local n = 0
    for _, place in pairs(ZSET_OF) do
        n = n + redis.call('ZCARD', q.s .. place)
    end
    for _, queued in ipairs(redis.call('HVALS', q.s .. 'types')) do
        n = n + queued
    end
    return n
end

-- Redis has deleted it by itself: nobody swept for long. How large it was is not known any more, so
-- it takes the share of one job with it; of no jobs there are no bytes left.
local function forget_job(q, id)
    local n = count_jobs(q)
    for _, class in ipairs({'jobs', 'results'}) do
        local is = tonumber(redis.call('HGET', q.s .. 'bytes', class) or 0) + (q.bytes and q.bytes[class] or 0)
        note_bytes(q, class, -math.ceil(math.max(is, 0) / math.max(n, 1)))
    end
    for status in pairs(FINAL) do
        leave(q, id, status)
    end
end
