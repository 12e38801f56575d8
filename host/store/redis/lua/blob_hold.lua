-- use: queue blob
-- Somebody is about to name blobs: they stay, as long as he does (blob_release). Before the change that names
-- them; what was held for a change that never came is found by blob_sweep.
--   ARGV   the number of pairs; pairs: sha256, "<queue> <id> <what>"
--   reply  for each pair 1; 0: there is no such blob
local reply = {}
for i = 1, take_number() do
    reply[i] = hold(take(), take()) and 1 or 0
end
return reply
