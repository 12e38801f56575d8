-- use: queue place ending insert
-- FORWARD, second: children out of the outbox into their own queues. A tombstone stands beside each,
-- so that one whose parcel is still there when it has long ended does not arrive again.
--   ARGV   the number of items; items (lib/insert.lua)
--   reply  for each item {code, holder, its state}
local reply = {}
for i = 1, take_number() do
    reply[i] = {insert(take_item(), nil)}
end
finish_inserts()
finish()
return reply
