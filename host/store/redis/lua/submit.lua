-- use: queue place insert
-- SUBMIT: each item a job, or nothing. Repeating it changes nothing: a job of that id is there.
--   ARGV   for each queue the bytes that its jobs may take ('' = any); how long duplicates are kept
--          (ms); the number of items; items (lib/insert.lua)
--   reply  for each item {code, holder, its state}; then for each queue its bytes
local rooms = {}
for i = 1, #queues do
    rooms[i] = take_number()
    queues[i].room = rooms[i]
end
local keep_ms = take_number()
local reply = {}
for i = 1, take_number() do
    local it = take_item()
    reply[i] = {insert(it, it.q.room, keep_ms)}
end
finish_inserts()
finish()
local bytes = {}
for i = 1, #queues do
    bytes[i] = redis.call('HGET', queues[i].s .. 'bytes', 'jobs') or '0'
end
return {reply, bytes}
