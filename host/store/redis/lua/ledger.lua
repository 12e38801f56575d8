-- use: queue schedules
-- LEDGER_LIST: rows of a schedule, the newest first; a page ends early when few of many rows are wanted.
--   ARGV   id; only this verdict, or ''; the cursor, or ''; how many at most
--   reply  {rows, as XREVRANGE has them}, the cursor to go on from, or ''; nothing at all: it is not known
local SCANNED, CHUNK = 5000, 500
local id, verdict, cursor, limit = take(), take(), take(), take_number()
local s = find_schedule(id)
if not s then
    return {}
end

local function is_wanted(fields)
    for i = 1, #fields, 2 do
        if fields[i] == 'verdict' then
            return verdict == '' or fields[i + 1] == verdict
        end
    end
    return false
end

local rows, at, scanned = {}, cursor, 0
while true do
    local chunk = redis.call('XREVRANGE', s .. 'ledger:' .. id, at == '' and '+' or '(' .. at, '-', 'COUNT', CHUNK)
    for _, row in ipairs(chunk) do
        if is_wanted(row[2]) then
            if #rows == limit then
                return {rows, at}
            end
            rows[#rows + 1] = row
        end
        at = row[1]
    end
    scanned = scanned + #chunk
    if #chunk < CHUNK then
        return {rows, ''}
    elseif scanned >= SCANNED then
        return {rows, at}
    end
end
