-- What a submission whose dedup key is held does about it: host/core/dedup.h, whose words hold here too, in Lua.
-- tests/vectors/dedup.txt is run against both. Modes and states by their names; a mode of false is one that is of no
-- account here, as a state is that is none of a job which goes on.
local DEDUP_TAKES, DEDUP_STAYS, DEDUP_REFUSED, DEDUP_CANCELS, DEDUP_ASKS, DEDUP_UPDATES, DEDUP_UPDATED = 0, 1, 2, 3, 4, 5, 6

local function dedup_decide(mode, holder_mode, state, begun, updated_by_asker)
    local waits = state == 'scheduled' or state == 'queued'
    local debounced = holder_mode == 'debounce'
    if updated_by_asker then
        return DEDUP_UPDATED
    elseif debounced and (begun or not waits) then
        return DEDUP_TAKES
    elseif mode == 'reject' then
        return DEDUP_REFUSED
    elseif mode == 'replace' and state == 'running' then
        return DEDUP_ASKS
    elseif mode == 'replace' then
        return (waits or state == 'parked') and DEDUP_CANCELS or DEDUP_TAKES
    end
    return mode == 'debounce' and debounced and DEDUP_UPDATES or DEDUP_STAYS
end
