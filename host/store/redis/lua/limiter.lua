-- use: queue limiter
-- LIMITER: takes of slots, and what became of them. Asking again is asking once, but for a pace.
--   jh:limiter:<name>   STRING  the state (host/store/limits.h), until it says nothing any more
--   jh:limiters         ZSET    names -> when that is
--   ARGV   the clock of all takers ('' = the server's), whom news are from (as the caller's name in jh:wake; '' = nobody),
--          how many limiters there may be, the number of items; items: verb, name, the six numbers of the rules, id, n, and
--          of 'answered': refused ('1'), remaining, limit, reset, retry
--   reply  the clock; for each item {0, verdict, part, until} or {0, 1 = it held something}; {1}: no room
local clock, from, limiters_max = take_number(), take(), take_number()
local at = clock or server_ms()
local known, order, told = {}, {}, {}

local function state_of(name)
    local l = known[name]
    if not l then
        local text = redis.call('GET', 'jh:limiter:' .. name)
        l = text and limiter_parse(text) or limiter_new()
        l.stored = text ~= false
        known[name] = l
        order[#order + 1] = name
    end
    return l
end

-- Somebody elsewhere may have waited for that.
local function slot_free(l, name)
    if l.waits == 1 then
        l.waits = 0
        redis.call('PUBLISH', 'jh:wake', 'k ' .. (from ~= '' and from or '-') .. ' ' .. name)
    end
end

local function take_slots(l, r, name, id, n)
    local wait = told[name]
    if not wait then
        local verdict, part, free = limiter_take(l, r, id, n, at)
        if verdict ~= 1 then
            return {0, verdict, part, text_of(free)}
        end
        wait = {0, verdict, part, text_of(free)}
        told[name] = wait
    end
    if #l.held > 0 then
        l.waits = 1
    end
    return wait
end

local verbs = {
    take = take_slots,
    answered = function(l, r, name, id)
        local hint = {refused = take() == '1', remaining = take_number(), limit = take_number(), reset = take_number(),
                      retry = take_number()}
        local held = limiter_answered(l, r, id, hint, at)
        if held and r.concurrency > 0 then
            slot_free(l, name)
        end
        return {0, held and 1 or 0}
    end,
    give_back = function(l, r, name, id)
        local held = limiter_give_back(l, r, id, at)
        if held then
            slot_free(l, name)
        end
        return {0, held and 1 or 0}
    end,
    renew = function(l, r, _, id)
        return {0, limiter_renew(l, r, id, at) and 1 or 0}
    end,
    close = function(l, r, _, _, n)
        limiter_close(l, r, at + n, at)
        return {0, 0}
    end,
    open = function(l, _, name)
        limiter_open(l)
        l.waits = 1
        slot_free(l, name)
        return {0, 0}
    end
}

local function one()
    local verb, name = take(), take()
    local r = limiter_rules(take_number(), take_number(), take_number(), take_number(), take_number(), take_number())
    local id, n = take(), take_number()
    local l = state_of(name)
    l.rules = r
    if not l.stored and redis.call('ZCARD', 'jh:limiters') >= limiters_max then
        redis.call('ZREMRANGEBYSCORE', 'jh:limiters', '-inf', text_of(at))
        if redis.call('ZCARD', 'jh:limiters') >= limiters_max then
            l.refused = true
            if verb == 'answered' then
                take_range(5)
            end
            return {1}
        end
    end
    return verbs[verb](l, r, name, id, n)
end

-- A clock that is not the server's says nothing about when the server should forget.
local function keep(name, l)
    local rest = limiter_rest(l, l.rules)
    if rest <= at then
        redis.call('DEL', 'jh:limiter:' .. name)
        redis.call('ZREM', 'jh:limiters', name)
        return
    end
    if clock then
        redis.call('SET', 'jh:limiter:' .. name, limiter_format(l))
    else
        redis.call('SET', 'jh:limiter:' .. name, limiter_format(l), 'PX', text_of(rest - at))
    end
    redis.call('ZADD', 'jh:limiters', text_of(rest), name)
end

local reply = {}
for i = 1, take_number() do
    reply[i] = one()
end
for _, name in ipairs(order) do
    if not known[name].refused then
        keep(name, known[name])
    end
end
return {text_of(at), reply}
