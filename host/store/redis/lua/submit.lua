-- use: queue place ending insert
-- SUBMIT: each item a job, or nothing. Repeating it changes nothing: a job of that id is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); the number of items; items
--          (lib/insert.lua)
--   reply  for each item {code, holder, its state}; then for each queue its bytes
for i = 1, #queues do
    queues[i].room = take_number()
end
local reply = {}
for i = 1, take_number() do
    local it = take_item()
    reply[i] = {insert(it, it.q.room)}
end
finish_inserts()
finish()
local bytes = {}
for i = 1, #queues do
    bytes[i] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
end
return {reply, bytes}
