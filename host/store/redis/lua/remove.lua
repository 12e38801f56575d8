-- use: queue place ending weigh remove
-- REMOVE: final jobs.
--   ARGV   what a job costs besides its contents (bytes); the number of items; items: queue, id
--   reply  for each item what became of it; then for each that named blobs what blobs_of() says
--          (lib/remove.lua)
local overhead = take_number()
local reply, blobs = {}, {}
for i = 1, take_number() do
    local q, id = queues[take()], take()
    local became, named = remove_job(q, id, overhead)
    reply[i] = became
    blobs[#blobs + 1] = named
end
finish()
return {reply, blobs}
