-- use: queue schedules
-- Part of SWEEP: rows of ledgers.
--   ARGV   how many at most; of each schedule so many stay (0 = any number); for so long (ms, 0 = for ever); rows
--          younger than that stay (ms); the cursor of HSCAN
--   reply  how many went; 1 = there is more; the cursor to go on from
local SCHEDULES, ROWS = 50, 20 -- at a time
local limit, rows, keep_ms, window_ms, cursor = take_number(), take_number(), take_number(), take_number(), take()
local removed, more = 0, 0
local old = keep_ms > 0 and now - math.max(keep_ms, window_ms)
local young, ahead = now - window_ms, now + AHEAD_MS

local function fields_of(row)
    local map = {}
    for i = 1, #row[2], 2 do
        map[row[2][i]] = row[2][i + 1]
    end
    return map
end

local function delete(s, id, row, map)
    redis.call('XDEL', s .. 'ledger:' .. id, row[1])
    redis.call('HDEL', s .. 'fired:' .. id, (map.revision or '') .. ' ' .. (map.key or ''))
    redis.call('ZREM', s .. 'times:' .. id, row[1])
    removed = removed + 1
end

local function sweep(id)
    local s = find_schedule(id)
    local ledger = s .. 'ledger:' .. id
    local gone = redis.call('HEXISTS', s .. 'schedule:' .. id, 'removed') == 1
    local kept = not gone and last_of(s, id)
    local count, going = redis.call('XLEN', ledger), true
    while going do -- the oldest go first: mostly the first few tell that none does
        local some = redis.call('XRANGE', ledger, '-', '+', 'COUNT', ROWS)
        local before = removed
        going = #some == ROWS
        for _, row in ipairs(some) do
            local map = fields_of(row)
            local actual = tonumber(map.actual) or 0
            -- what a clock that was far ahead has written must not keep all that is behind it
            local goes = (old and actual <= old) or (rows > 0 and count > rows and (actual <= young or actual > ahead))
            if row[1] ~= kept and (not goes or removed == limit) then
                more = goes and 1 or more
                going = false
                break
            elseif row[1] ~= kept then
                delete(s, id, row, map)
                count = count - 1
            end
        end
        going = going and removed > before
    end
    forget_schedule(s, id)
end

local scan = redis.call('HSCAN', 'jh:schedules', cursor, 'COUNT', SCHEDULES)
for i = 1, #scan[2], 2 do
    sweep(scan[2][i])
end
return {removed, more, scan[1]}
