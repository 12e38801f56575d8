-- use: queue place ending packed insert
-- SUBMIT: each item a job, or nothing. Repeating it changes nothing: a job of that id is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); the number of items; items
--          (lib/insert.lua)
--   reply  for each item its code, or {code, holder, its state}; then for each queue its bytes
for i = 1, #queues do
    queues[i].room = take_number()
end
local heads, owns, keys, reply = {}, {}, {}, {}
local ids, twice = {}, false
for i = 1, take_number() do
    local of, own = take_item()
    local id = ARGV[own + 1]
    heads[i], owns[i], keys[i] = of, own, of.q.job .. id
    twice = twice or ids[id]
    ids[id] = true
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
-- One question instead of a hundred: nearly always none of them is there.
local fresh = not twice and redis.call('EXISTS', unpack(keys)) == 0
local i = 1
while i <= #heads do
    local of, last = heads[i], i
    while heads[last + 1] == of do
        last = last + 1
    end
    if of.plain and fresh then
        insert_plain(of, owns, keys, i, last, of.q.room, reply)
    else
        for k = i, last do
            local code, holder, state = insert(item(of, owns[k]), of.q.room, fresh)
            reply[k] = holder and {code, holder, state} or code
        end
    end
    i = last + 1
end
finish_inserts()
finish()
local bytes = {}
for i = 1, #queues do
    bytes[i] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
end
return {reply, bytes}
