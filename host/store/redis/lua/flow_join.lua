-- use: queue claim place (share users) ending packed insert schedule flow (dedup weigh meet)
-- FLOW_JOIN: a job from outside becomes a member. Repeating it changes nothing.
--   ARGV   the bytes that the queue's jobs may take ('' = any); id of the opener; id of the job, its 16 bytes; then
--          1: it is of this queue: an item of lib/insert.lua; '': n, n words of its parcel
--   reply  -1: no such flow, -2: it does not grow, or what became of it (lib/insert.lua); the queue's bytes
local NO_FLOW, CLOSED = -1, -2 -- op_flow.c knows these
local PARCEL_TTL = '691200000' -- as lib/insert.lua has it
local q = queues[1]
q.room = take_number()

local function join()
    local id, job, raw, own = take(), take(), take(), take() == '1'
    local tomb = q.s .. 'tomb:' .. job
    if redis.call('EXISTS', own and q.job .. job or tomb) == 1 then
        return 3
    end
    local grows = flow.grows(q, id)
    if grows ~= 1 then
        return grows and CLOSED or NO_FLOW
    elseif own then
        local of, place = take_item()
        local refusal = refuse_packed()
        if refusal then
            return refusal
        end
        local code = insert(item(of, place), q.room, true)
        if code == NEW then
            flow.add(q, id, raw)
        end
        return code
    end
    local first, last = take_range(take_number())
    flow.add(q, id, raw)
    redis.call('XADD', q.s .. 'outbox', '*', unpack(ARGV, first, last))
    redis.call('SET', tomb, text_of(now + tonumber(PARCEL_TTL)), 'PX', PARCEL_TTL)
    publish('o', q.name)
    return NEW
end

local code = join()
if type(code) == 'table' and code.err then
    return code
end
finish_inserts()
flow.finish()
finish()
return {code, redis.call('HGET', q.s .. 'bytes', 'jobs') or '0'}
