-- use: queue claim place (share users) ending schedule
-- FSCK: what schedules know of their unfinished jobs in a queue.
--   ARGV   mend (1, 0); the cursor of HSCAN of jh:schedules
--   reply  {cursor, nothing}, {code, words, mended (1, 0), code, ...}
local SCHEDULES = 50
local mend, cursor = take() == '1', take()
local q, found = queues[1], {}

local function report(code, words)
    found[#found + 1] = code
    found[#found + 1] = words
    found[#found + 1] = mend and 1 or 0
end

-- How many run, how many wait; without those that are over, or gone, and hold up others.
local function check_members(key, id)
    local running, waiting = 0, 0
    local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do
        local status = redis.call('HGET', q.job .. all[i], 'status')
        if not status or FINAL[status] then
            report('schedule_job_gone', 'job ' .. all[i] .. ' of schedule ' .. id)
            if mend then
                redis.call('ZREM', key, all[i])
            end
        elseif all[i + 1] == '0' then
            running = running + 1
        else
            waiting = waiting + 1
        end
    end
    return running, waiting
end

local scan = redis.call('HSCAN', 'jh:schedules', cursor, 'COUNT', SCHEDULES)
for i = 1, #scan[2], 2 do
    local id = scan[2][i]
    local key = unfinished_of(q, id)
    local running, waiting = check_members(key, id)
    if running == 0 and waiting > 0 then
        report('schedule_stuck', 'jobs of ' .. id .. ' wait for none that is left')
        if mend then
            next_begins(q, id)
        end
    end
end
finish()
return {scan[1], {}, found}
