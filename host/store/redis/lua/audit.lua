-- use: queue
-- AUDIT_ADD: one more line of who did what; none when it is there already (a repeated command).
--   ARGV   how many lines are kept, about; n; n names and values
--   reply  1: added, 0: it was there
local LOOKED_AT = 100 -- of the newest
local most, first, last = take(), take_range(take_number())
for _, line in ipairs(redis.call('XREVRANGE', 'jh:audit', '+', '-', 'COUNT', LOOKED_AT)) do
    local fields = line[2]
    local same = #fields == last - first + 1
    for i = 1, #fields do
        same = same and fields[i] == ARGV[first + i - 1]
    end
    if same then
        return 0
    end
end
redis.call('XADD', 'jh:audit', 'MAXLEN', '~', most, '*', unpack(ARGV, first, last))
return 1
