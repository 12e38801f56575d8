-- use: queue place
-- Parcels go from one place of their queue to another: aside, because nobody here can read them, or back.
-- Repeating it changes nothing.
--   ARGV   from  to  n  n times queue, entry
local from, to = take(), take()
for _ = 1, take_number() do
    local q, id = queues[take()], take()
    local entry = redis.call('XRANGE', q.s .. from, id, id)[1]
    if entry then
        -- under its own id, unless a later one is there
        if type(redis.pcall('XADD', q.s .. to, id, unpack(entry[2]))) == 'table' then
            redis.call('XADD', q.s .. to, '*', unpack(entry[2]))
        end
        redis.call('XDEL', q.s .. from, id)
        if to == 'outbox' then
            publish('o', q.name)
        end
    end
end
return 1
