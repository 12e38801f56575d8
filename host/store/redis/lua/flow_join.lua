-- use: queue claim place (share users) ending packed insert schedule flow (dedup weigh meet once)
-- FLOW_JOIN: a job from outside becomes a member. Repeating it changes nothing.
--   queues the flow's; the job's, if that is another one
--   ARGV   the bytes that the jobs of the latter may take ('' = any); id of the opener; an item of lib/insert.lua
--   reply  -1: no such flow, -2: it does not grow, or what became of it (lib/insert.lua); the bytes of the job's queue
local NO_FLOW, CLOSED = -1, -2 -- op_flow.c knows these
local room = take_number()

local function join()
    local id = take()
    local of, own = take_item()
    local refusal = refuse_packed()
    if refusal then
        return refusal
    end
    local it = item(of, own)
    if redis.call('EXISTS', it.q.job .. it.id) == 1 then
        return REPEATED
    end
    local code, whom, state
    if it.once then -- though the flow may have closed since
        code, whom, state = was_here(it, room)
    end
    if code then
        return whom and {code, whom, state} or code
    end
    local grows = flow.grows(queues[1], id)
    if grows ~= 1 then
        return grows and CLOSED or NO_FLOW
    end
    code = insert(it, room, true)
    if code == NEW then
        flow.add(queues[1], id, it.raw)
    end
    return code
end

local code = join()
if type(code) == 'table' and code.err then
    return code
end
finish_inserts()
flow.finish()
finish()
return {code, redis.call('HGET', queues[#queues].s .. 'bytes', 'jobs') or '0'}
