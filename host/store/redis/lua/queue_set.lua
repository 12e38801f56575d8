-- use: queue place
-- QUEUE_SET: a pause begins or ends. Repeating it changes nothing.
--   ARGV   1 = paused, by whom, why
--   reply  fields of S'types' of a queue that goes on
local q, paused, by, why = queues[1], take() == '1', take(), take()
if paused then
    redis.call('HSET', q.s .. 'paused', 'at', text_of(now), 'by', by, 'why', why)
else
    redis.call('DEL', q.s .. 'paused')
end
publish('p', q.name)
return paused and {} or redis.call('HKEYS', q.s .. 'types')
