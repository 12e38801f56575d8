-- How many calls of something may start: host/core/limiter.h, whose words hold here too, in Lua, function by function.
-- tests/vectors/limiter_take.txt and concurrency_take.txt are run against both.
--
-- A state is a table: pace, closed, limit, limit_ms, foreign, foreign_ms; settled, {when, how many} by time; held,
-- {id, how many, the end of its lease}; waits, whether somebody was told to wait for the end of a call. In Redis it is
-- the text that host/store/limits.h describes. All numbers are whole and below 2^53, but the ids, which are texts.
local LIMITER_EXACT_MAX, LIMITER_PIECES, LIMITER_SETTLED_MAX, LIMITER_HOLDERS_MAX = 256, 252, 512, 4096
local LIMITER_CLOSE_MIN_MS, LIMITER_CLOSE_MAX_MS, LIMITER_BLIND_MAX_MS = 1000, 86400000, 60000
local LIMITER_LEARN_MS = 86400000
local LIMITER_GRANTED, LIMITER_WAIT, LIMITER_NEVER = 0, 1, 2
local MOVING, FIXED = 1, 2
local CLOSED, CONCURRENCY, WINDOW, PACE, HOLDERS = 1, 2, 3, 4, 5
local least, most, fmod = math.min, math.max, math.fmod

-- Exact where a division of floating point would round.
local function div(a, b)
    return (a - fmod(a, b)) / b
end
local function div_up(a, b)
    local rest = fmod(a, b)
    return (a - rest) / b + (rest > 0 and 1 or 0)
end

-- Rules as they come: rate, per, window, burst, concurrency, lease.
local function limiter_rules(rate, per, window, burst, concurrency, lease)
    local r = {rate = rate, per = per, window = window, burst = burst, concurrency = concurrency, lease = lease}
    r.has_window = rate > 0 and window ~= 0
    r.has_pace = rate > 0 and (window == 0 or burst > 0)
    r.has_holders = r.has_window or concurrency > 0
    if r.has_pace then
        r.interval = div_up(per * 1000, rate)
        r.let = burst > 0 and burst or rate
    end
    return r
end

local function limiter_new()
    return {pace = 0, closed = 0, limit = 0, limit_ms = 0, foreign = 0, foreign_ms = 0, settled = {}, held = {},
            waits = 0}
end

local function limiter_parse(text)
    local l, words = limiter_new(), {}
    for word in string.gmatch(text, '%d+') do
        words[#words + 1] = word
    end
    l.waits, l.pace, l.closed = tonumber(words[1]), tonumber(words[2]), tonumber(words[3])
    l.limit, l.limit_ms = tonumber(words[4]), tonumber(words[5])
    l.foreign, l.foreign_ms = tonumber(words[6]), tonumber(words[7])
    local at = 9
    for i = 1, tonumber(words[8]) do
        l.settled[i] = {tonumber(words[at]), tonumber(words[at + 1])}
        at = at + 2
    end
    while words[at] do
        l.held[#l.held + 1] = {words[at], tonumber(words[at + 1]), tonumber(words[at + 2])}
        at = at + 3
    end
    return l
end

local function limiter_format(l)
    local words = {string.format('%d %.0f %.0f %.0f %.0f %.0f %.0f %d', l.waits, l.pace, l.closed, l.limit, l.limit_ms,
                                 l.foreign, l.foreign_ms, #l.settled)}
    for i = 1, #l.settled do
        words[#words + 1] = string.format('%.0f %.0f', l.settled[i][1], l.settled[i][2])
    end
    for i = 1, #l.held do
        words[#words + 1] = string.format('%s %.0f %.0f', l.held[i][1], l.held[i][2], l.held[i][3])
    end
    return table.concat(words, ' ')
end

local function settled_until(r, at)
    if r.window == FIXED then
        return (div(at, r.per) + 1) * r.per
    end
    local piece = r.rate <= LIMITER_EXACT_MAX and 1 or div_up(r.per, LIMITER_PIECES)
    return div_up(at + r.per + 1, piece) * piece
end

local function settle(l, ends, n)
    local settled = l.settled
    local i = #settled
    while i > 0 and settled[i][1] >= ends do
        i = i - 1
    end
    local after, full = settled[i + 1], #settled == LIMITER_SETTLED_MAX
    if after and (after[1] == ends or full) then
        after[2] = after[2] + n
    elseif full then
        settled[i] = {ends, settled[i][2] + n}
    else
        table.insert(settled, i + 1, {ends, n})
    end
end

local function find_holder(l, id)
    for i = 1, #l.held do
        if l.held[i][1] == id then
            return i
        end
    end
end

local function let_go(l, i)
    l.held[i] = l.held[#l.held]
    l.held[#l.held] = nil
end

local function end_call(l, r, i, at)
    if r.has_window then
        settle(l, settled_until(r, at), l.held[i][2])
    end
    let_go(l, i)
end

-- How many are in a list of the state.
local function count_of(list)
    local n = 0
    for i = 1, #list do
        n = n + list[i][2]
    end
    return n
end

local function pass_time(l, r, at)
    for i = #l.held, 1, -1 do
        local ends = least(l.held[i][3], at + r.lease)
        l.held[i][3] = ends
        if ends <= at then
            end_call(l, r, i, ends)
        end
    end
    local last, settled = r.has_window and settled_until(r, at) or at, l.settled
    l.settled = {}
    for i = 1, #settled do
        local ends = least(settled[i][1], last)
        if ends > at then
            settle(l, ends, settled[i][2])
        end
    end
    l.foreign_ms = least(l.foreign_ms, last)
    l.foreign = l.foreign_ms > at and l.foreign or 0
    l.closed = least(l.closed, at + LIMITER_CLOSE_MAX_MS)
    l.limit_ms = least(l.limit_ms, at + LIMITER_LEARN_MS)
    l.closed = l.closed > at and l.closed or 0
    l.limit = l.limit_ms > at and l.limit or 0
    if r.has_pace then
        l.pace = least(l.pace, at * 1000 + r.let * r.interval)
    end
end

local function limit_of(l, r)
    return l.limit > 0 and least(l.limit, r.rate) or r.rate
end

local function first_lease(l)
    local first = l.held[1][3]
    for i = 2, #l.held do
        first = least(first, l.held[i][3])
    end
    return first
end

local function wait_window(l, r, n, at)
    local foreign, limit = l.foreign, limit_of(l, r)
    local lacks = count_of(l.held) + count_of(l.settled) + foreign + n - limit
    if not r.has_window or lacks <= 0 then
        return 0
    end
    if n > limit then
        return l.limit_ms
    end
    for i = 1, #l.settled do
        if l.foreign_ms <= l.settled[i][1] then
            lacks = lacks - foreign
            foreign = 0
        end
        if lacks <= 0 then
            return l.foreign_ms
        end
        lacks = lacks - l.settled[i][2]
        if lacks <= 0 then
            return l.settled[i][1]
        end
    end
    return foreign > 0 and lacks <= foreign and l.foreign_ms or settled_until(r, at)
end

local function wait_pace(l, r, n, at)
    if not r.has_pace then
        return 0
    end
    local free = most(l.pace, at * 1000) - (r.let - n) * r.interval
    return free <= at * 1000 and 0 or div_up(free, 1000)
end

-- Each part's time, in their order.
local function waits_of(l, r, n, at)
    local full = r.concurrency > 0 and count_of(l.held) + n > r.concurrency
    local many = r.has_holders and #l.held >= LIMITER_HOLDERS_MAX
    return {[CLOSED] = l.closed, [CONCURRENCY] = full and first_lease(l) or 0, [WINDOW] = wait_window(l, r, n, at),
            [PACE] = wait_pace(l, r, n, at), [HOLDERS] = many and first_lease(l) or 0}
end

-- A verdict, the part that it waits for, and until when.
local function limiter_ask(l, r, n, at)
    if n < 1 or (r.has_window and n > r.rate) or (r.has_pace and n > r.let) or
       (r.concurrency > 0 and n > r.concurrency) then
        return LIMITER_NEVER, 0, 0
    end
    local verdict, part, free = LIMITER_GRANTED, 0, 0
    local waits = waits_of(l, r, n, at)
    for i = CLOSED, HOLDERS do
        if waits[i] > free then
            verdict, part, free = LIMITER_WAIT, i, waits[i]
        end
    end
    return verdict, part, free
end

local function limiter_take(l, r, id, n, at)
    pass_time(l, r, at)
    if find_holder(l, id) then
        return LIMITER_GRANTED, 0, 0
    end
    local verdict, part, free = limiter_ask(l, r, n, at)
    if verdict == LIMITER_GRANTED then
        if r.has_holders then
            l.held[#l.held + 1] = {id, n, at + r.lease}
        end
        if r.has_pace then
            l.pace = most(l.pace, at * 1000) + n * r.interval
        end
    end
    return verdict, part, free
end

local function pause_of(r, hint)
    local told = hint.retry >= 0 and hint.retry or hint.reset
    if told < 0 then
        told = r.rate > 0 and least(r.per, LIMITER_BLIND_MAX_MS) or LIMITER_BLIND_MAX_MS
    end
    return most(LIMITER_CLOSE_MIN_MS, least(told, LIMITER_CLOSE_MAX_MS))
end

local function learn_foreign(l, r, hint, at)
    local limit, last = limit_of(l, r), settled_until(r, at)
    local seen = limit - least(hint.remaining, limit) - count_of(l.held) - count_of(l.settled)
    l.foreign = most(most(seen, l.foreign - 1), 0)
    l.foreign_ms = 0
    if l.foreign > 0 then
        local told = hint.reset >= 0 and hint.reset < last - at
        l.foreign_ms = told and at + most(hint.reset, 1) or last
    end
end

-- What an answer told: refused, remaining, limit, reset, retry; -1 = it did not.
local function learn(l, r, hint, at)
    if hint.refused then
        l.closed = most(l.closed, at + pause_of(r, hint))
    end
    if not r.has_window then
        return
    end
    if hint.limit >= 0 then
        local lower = hint.limit < r.rate
        l.limit = lower and most(hint.limit, 1) or 0
        l.limit_ms = lower and at + LIMITER_LEARN_MS or 0
    end
    if hint.remaining >= 0 then
        learn_foreign(l, r, hint, at)
    end
end

-- These answer whether the id held something.
local function limiter_answered(l, r, id, hint, at)
    pass_time(l, r, at)
    local i = find_holder(l, id)
    if i then
        end_call(l, r, i, at)
    end
    learn(l, r, hint, at)
    return i ~= nil
end

local function limiter_give_back(l, r, id, at)
    pass_time(l, r, at)
    local i = find_holder(l, id)
    if i then
        let_go(l, i)
    end
    return i ~= nil
end

local function limiter_renew(l, r, id, at)
    pass_time(l, r, at)
    local i = find_holder(l, id)
    if i then
        l.held[i][3] = at + r.lease
    end
    return i ~= nil
end

local function limiter_close(l, r, close_until, at)
    pass_time(l, r, at)
    if close_until > at then
        l.closed = most(l.closed, least(close_until, at + LIMITER_CLOSE_MAX_MS))
    end
end

local function limiter_open(l)
    l.closed, l.limit, l.limit_ms, l.foreign, l.foreign_ms = 0, 0, 0, 0, 0
end

-- From when on the state is as good as a new one.
local function limiter_rest(l, r)
    local last = most(l.closed, l.limit_ms, l.foreign_ms, div_up(l.pace, 1000))
    for i = 1, #l.settled do
        last = most(last, l.settled[i][1])
    end
    for i = 1, #l.held do
        last = most(last, r.has_window and settled_until(r, l.held[i][3]) or l.held[i][3])
    end
    return last
end
