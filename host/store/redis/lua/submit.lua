-- use: queue place ending insert
-- SUBMIT: each item a job, or nothing. Repeating it changes nothing: a job of that id is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); the number of items; items
--          (lib/insert.lua)
--   reply  for each item {code, holder, its state}; then for each queue its bytes
for i = 1, #queues do
    queues[i].room = take_number()
end
local items, keys, ids, twice, reply = {}, {}, {}, false, {}
for i = 1, take_number() do
    local it = take_item()
    items[i], keys[i] = it, it.q.job .. it.id
    twice = twice or ids[it.id]
    ids[it.id] = true
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
-- One question instead of a hundred: nearly always none of them is there.
local fresh = not twice and redis.call('EXISTS', unpack(keys)) == 0
for i, it in ipairs(items) do
    reply[i] = {insert(it, it.q.room, fresh)}
end
finish_inserts()
finish()
local bytes = {}
for i = 1, #queues do
    bytes[i] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
end
return {reply, bytes}
