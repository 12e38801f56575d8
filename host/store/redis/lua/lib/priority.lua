-- Which of the waiting jobs goes first: host/core/priority.h, whose words hold here too, in Lua.
-- tests/vectors/priority_split.txt is run against both.
--
--   priority_split(n, heads, turn, now) -> {high, normal, low}
--
--   n      how many jobs are to be taken (a number)
--   heads  when the head of each band became ready: {high, normal, low}, unix ms, 0 = the band is empty
--   turn   the lane's counter as decimal text: it has 64 bits, more than a number of Lua holds exactly. What it
--          decides has a period of PRIORITY_AGED_SHARE x 2 = 8 turns, and 8 divides 1000: its last three digits
--          are enough.
--   now    unix ms; like heads exact as a number until the year 287396
local PRIORITY_AGED_MS = 240000
local PRIORITY_AGED_SHARE = 4

local function priority_split(n, heads, turn, now)
    local take, aged, top = {0, 0, 0}, {}, nil
    for band = 1, 3 do
        local head = heads[band]
        if head ~= 0 then
            if not top then
                top = band
            elseif now - head >= PRIORITY_AGED_MS then
                aged[#aged + 1] = band
            end
        end
    end
    if not top then
        return take
    end
    local at = tonumber(string.sub(turn, -3)) % (PRIORITY_AGED_SHARE * 2)
    local left = 0
    if #aged > 0 then
        left = math.floor((at % PRIORITY_AGED_SHARE + n) / PRIORITY_AGED_SHARE)
    end
    take[top] = n - left
    if #aged == 1 then
        take[aged[1]] = left
    elseif #aged == 2 then -- by turns: the odd one goes to the one whose turn it is
        local first = math.floor(at / PRIORITY_AGED_SHARE) % 2 + 1
        take[aged[first]] = math.ceil(left / 2)
        take[aged[3 - first]] = math.floor(left / 2)
    end
    return take
end
