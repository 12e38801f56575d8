-- use: queue schedules
-- SCHEDULE_LIST: schedules by their ids, in the order of bytes; a page ends early when it is large.
--   ARGV   only this id, or ''; the cursor, an id, or ''; how many at most
--   reply  {for each: id, queue, HGETALL, the last time ('' = none), how many run, how many wait, the newest that
--          runs ('' = none), its status}; 1 = there is more
local PAGE_BYTES = 8 * 1024 * 1024
local only, cursor, limit = take(), take(), take_number()

local function ids_after()
    local ids = {}
    for _, id in ipairs(redis.call('HKEYS', 'jh:schedules')) do
        if id > cursor then
            ids[#ids + 1] = id
        end
    end
    table.sort(ids)
    return ids
end

local function read(id)
    local s, j, queue = find_schedule(id)
    local key = s and s .. 'schedule:' .. id
    if not s or redis.call('HEXISTS', key, 'revision') == 0 or redis.call('HEXISTS', key, 'removed') == 1 then
        return nil
    end
    local _, last = last_of(s, id)
    local jobs = s .. 'unfinished:' .. id
    local running = redis.call('ZCOUNT', jobs, 0, 0)
    -- of one score they stand in the order of bytes, and ids are made in the order of time
    local job = redis.call('ZREVRANGEBYSCORE', jobs, 0, 0, 'LIMIT', 0, 1)[1] or ''
    local status = job ~= '' and redis.call('HGET', j .. 'job:' .. job, 'status') or ''
    return {id, queue, redis.call('HGETALL', key), last or '', running, redis.call('ZCARD', jobs) - running, job, status},
           redis.call('HSTRLEN', key, 'definition')
end

local reply, more, bytes = {}, 0, 0
for _, id in ipairs(only ~= '' and {only} or ids_after()) do
    local it, size = read(id)
    if it and (#reply == limit or bytes > PAGE_BYTES) then
        more = 1
        break
    elseif it then
        reply[#reply + 1] = it
        bytes = bytes + size
    end
end
return {reply, more}
