-- use: queue
-- FORWARD, third: parcels that have arrived are deleted. Only who has read one before can bring it
-- again: its tombstone stands for an hour more.
--   ARGV   n  n times queue, entry;  n  n times queue, id of the child
--   reply  how many parcels there were
local deleted = 0
for _ = 1, take_number() do
    deleted = deleted + redis.call('XDEL', queues[take()].s .. 'outbox', take())
end
for _ = 1, take_number() do
    redis.call('PEXPIRE', queues[take()].s .. 'tomb:' .. take(), 3600000)
end
return deleted
