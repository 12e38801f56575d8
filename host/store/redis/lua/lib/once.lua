-- What is accepted once (struct store_once): S..once:<key> names the job that came with it, for as long as the server keeps
-- it. `it.once`: for each of one or two its key, what tells its content, both in hex, and how many ms it is kept.
--   ONCE, ONCE_DIFFERS  whom, its state: one is held; by one that had another content
local ONCE, ONCE_DIFFERS = 8, 9 -- op_submit.c knows these

local function each_once(it)
    return string.gmatch(it.once, '(%x+) (%x+) (%d+)')
end

local function first_of(it)
    for key, content in each_once(it) do
        local held = redis.call('GET', it.q.s .. 'once:' .. key)
        if held then
            return string.sub(held, 1, 36), string.sub(held, 38) ~= content
        end
    end
end

local function hold_once(it, id)
    for key, content, keep in each_once(it) do
        redis.call('SET', it.q.s .. 'once:' .. key, id .. ' ' .. content, 'PX', keep)
    end
end

-- Is one of them held? What is said of that.
was_here = function(it, room)
    local first, differs = first_of(it)
    if not first then
        return nil
    elseif first == it.id then -- its job has gone since
        return REPEATED
    end
    local state = redis.call('HGET', it.q.job .. first, 'status') or 'succeeded'
    if it.comes == 'spooled' then
        if is_over(it.q, it.bytes, room) then
            return OVER_BUDGET
        end
        end_as_duplicate(it, first)
    end
    return differs and ONCE_DIFFERS or ONCE, first, state
end

-- It is remembered if it was accepted.
insert_once = function(it, room)
    local once, code, whom, state = it.once, was_here(it, room)
    if code then
        return whom and {code, whom, state} or code
    end
    it.once = false
    local said = insert(it, room, true)
    it.once = once -- the next item may share it
    code, whom = said, it.id
    if type(said) == 'table' then
        code = said[1]
        whom = code == DUPLICATE and said[2] or it.id
    end
    if code == NEW or code == DUPLICATE then
        hold_once(it, whom)
    end
    return said
end
