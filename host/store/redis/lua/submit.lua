-- use: queue place ending packed insert
-- SUBMIT: each item a job, or nothing. Repeating it changes nothing: a job of that id is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); the number of items; items
--          (lib/insert.lua)
--   reply  for each item its code, or {code, holder, its state} (lib/meet.lua); then for each queue its bytes
for i = 1, #queues do
    queues[i].room = take_number()
end
local item_heads, owns, keys, reply = {}, {}, {}, {}
local ids, twice, plain = {}, false, true
for i = 1, take_number() do
    local of, own = take_item()
    local id = ARGV[own + 1]
    item_heads[i], owns[i], keys[i] = of, own, of.q.job .. id
    twice = twice or ids[id]
    plain = plain and of.plain
    ids[id] = true
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
-- One question instead of a hundred: nearly always none of them is there.
local fresh = not twice and redis.call('EXISTS', unpack(keys)) == 0

local function last_like(i)
    while item_heads[i + 1] == item_heads[i] do
        i = i + 1
    end
    return i
end

local at = 1
if plain and fresh then -- mostly all are: the rest of this script is not for them
    while at <= #item_heads do
        local last = last_like(at)
        insert_plain(item_heads[at], owns, keys, at, last, item_heads[at].q.room, reply)
        at = last + 1
    end
    return answer_inserts(reply)
end

-- use: claim dedup weigh (share users) schedule flow unwait meet once
while at <= #item_heads do
    local of, last = item_heads[at], last_like(at)
    if of.alike and fresh then
        insert_plain(of, owns, keys, at, last, of.q.room, reply)
    else
        for k = at, last do
            reply[k] = insert(item(of, owns[k]), of.q.room, fresh)
        end
    end
    at = last + 1
end
flow.finish()
return answer_inserts(reply)
