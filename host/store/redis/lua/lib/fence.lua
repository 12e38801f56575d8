-- May a commit be applied? host/core/fence.h, whose words hold here too, in Lua. tests/vectors/fence.txt is run against
-- both. All are numbers; `running` and `goes_on` are truths.
local FENCE_APPLY, FENCE_APPLIED, FENCE_STALE, FENCE_ODD = 0, 1, 2, 3

local function fence(running, stored_token, stored_number, token, number, goes_on)
    if stored_token ~= token then
        return FENCE_STALE
    end
    if not running then
        return number == stored_number and FENCE_APPLIED or FENCE_STALE
    end
    if number == stored_number + 1 then
        return FENCE_APPLY
    end
    return number == stored_number and goes_on and FENCE_APPLIED or FENCE_ODD
end
