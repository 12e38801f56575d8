-- use: queue claim place (share users) ending packed insert schedule flow dedup weigh unwait meet
-- FORWARD, second: children out of the outbox into their own queues. A tombstone stands beside each,
-- so that one whose parcel is still there when it has long ended does not arrive again.
--   ARGV   how long who ends as he arrives is kept (ms); the number of items; items (lib/insert.lua); the number of news; news: queue (its number), opener of a flow
--          there, the queue that tells it, the entry of its outbox, and one of
--            told    member, what became of it, what it was before (''), 1 = what it made is not over ('' = it is)
--            joined  the 16 bytes of its id, n, n words of its parcel
--   reply  for each item its code, or {code, holder, its state} (lib/meet.lua); 1 = more waits in outboxes than before;
--          16 bytes of each that ended as it arrived
local item_heads, owns, reply, late = {}, {}, {}, {}
local late_keep_ms = take_number()
for i = 1, take_number() do
    item_heads[i], owns[i] = take_item()
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
-- It has just arrived, and ends so. Then names and values that say why.
local function end_new(it, status, keep_ms, ...)
    local q, job = it.q, it.q.job .. it.id
    leave(q, it.id, redis.call('HGET', job, 'status'), it.type, it.priority, it.user)
    redis.call('HSET', job, 'status', status, 'rev', 2, 'claim', NO_CLAIM, 'updatedAt', text_of(now), ...)
    redis.call('HDEL', job, 'dueAt')
    if keep_ms > 0 then
        redis.call('HSET', job, 'deleteAt', text_of(now + keep_ms))
    end
    enter(q, it.id, status, it.type, it.priority, keep_ms)
    finish_job(q, it.id, status, keep_ms, it.key, 0, it.tombstone)
end

local function arrive(it)
    local key, cancelled = it.key, not it.dies and it.flow and flow.cancels(it.q, it.flow, it.flow_queue)
    it.key = not (it.dies or cancelled) and key -- who ends here leaves it to whoever has it
    local code = insert(it, nil)
    local is = type(code) == 'table' and code[1] or code
    if is == NEW and it.dies then -- the then of a flow that failed
        end_new(it, 'dead', it.keep_ms, 'errorClass', 'permanent', 'errorCode', it.dies, 'error', it.why)
    elseif is == NEW and cancelled then
        end_new(it, 'cancelled', late_keep_ms)
        flow.ended(it.q, it.id, 'cancelled', it.flow, it.flow_queue)
        late[#late + 1] = it.raw
    elseif is ~= NEW and is ~= REPEATED and it.flow then
        flow.ended(it.q, it.id, 'duplicate', it.flow, it.flow_queue)
    end
    it.key = key -- the next item may share it
    return code
end

local function take_news()
    local q, id, from, entry = queues[take()], take(), take(), take()
    if take() == 'told' then
        flow.told(q, id, from, entry, take(), take(), take(), take() == '1')
    else
        local raw = take()
        flow.joined(q, id, from, entry, raw, take_range(take_number()))
    end
end

local function waiting_parcels()
    local n = 0
    for i = 1, #queues do
        n = n + redis.call('XLEN', queues[i].s .. 'outbox')
    end
    return n
end

local before = waiting_parcels()
for i = 1, #item_heads do
    reply[i] = arrive(item(item_heads[i], owns[i]))
end
for _ = 1, take_number() do
    take_news()
end
finish_inserts()
flow.finish()
finish()
return {reply, waiting_parcels() > before and 1 or 0, late}
