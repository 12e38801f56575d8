-- use: queue place ending insert
-- FORWARD, second: children out of the outbox into their own queues. A tombstone stands beside each,
-- so that one whose parcel is still there when it has long ended does not arrive again.
--   ARGV   the number of items; items (lib/insert.lua)
--   reply  for each item {code, holder, its state}
local items, reply = {}, {}
for i = 1, take_number() do
    items[i] = take_item()
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
for i, it in ipairs(items) do
    reply[i] = {insert(it, nil)}
end
finish_inserts()
finish()
return reply
