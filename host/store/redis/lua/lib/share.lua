-- Whose turn it is: host/core/share.h, whose words hold here too, in Lua. tests/vectors/share.txt is run against both.
--
--   band   {now, last, comers}: virtual time, the greatest tag that was ever given, how many have come
--   flow   {tag, turn, weight}
--
-- All are numbers; tags stay exact for 10^11 rounds of a band that is never empty.
local SHARE_UNIT, SHARE_WEIGHT_MAX = 55440, 1000

local function share_before(a, b)
    return a.tag < b.tag or (a.tag == b.tag and a.turn < b.turn)
end

-- It begins to wait, or waits again after a start.
local function share_enter(band, flow)
    flow.tag = math.max(flow.tag, band.now)
    flow.turn = band.comers
    band.comers = band.comers + 1
end

-- One of its jobs starts. `goes_on`: it has more.
local function share_start(band, flow, goes_on)
    band.now = math.max(band.now, flow.tag)
    flow.tag = flow.tag + math.floor(SHARE_UNIT / math.max(math.min(flow.weight or 1, SHARE_WEIGHT_MAX), 1))
    band.last = math.max(band.last, flow.tag)
    if goes_on then
        share_enter(band, flow)
    end
end

-- Nobody waits any more.
local function share_empty(band)
    band.now = band.last
end

-- Of one who waits for nothing.
local function share_may_forget(band, flow)
    return flow.tag <= band.now
end
