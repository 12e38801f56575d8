-- use: queue place (share users) ending packed insert claim dedup weigh schedule meet
-- FORWARD, second: children out of the outbox into their own queues. A tombstone stands beside each,
-- so that one whose parcel is still there when it has long ended does not arrive again.
--   ARGV   the number of items; items (lib/insert.lua)
--   reply  for each item its code, or {code, holder, its state} (lib/meet.lua)
local heads, owns, reply = {}, {}, {}
for i = 1, take_number() do
    heads[i], owns[i] = take_item()
end
local refusal = refuse_packed()
if refusal then
    return refusal
end
for i = 1, #heads do
    reply[i] = insert(item(heads[i], owns[i]), nil)
end
finish_inserts()
finish()
return reply
