-- use: queue
-- RESULT_GET: what a job left.
--   ARGV   id
--   reply  {resultBytes, resultType, resultBlob, the result unless it is a blob}; nil: not at this prefix
local id = take()
local job = queues[1].j .. 'job:' .. id
if redis.call('EXISTS', job) == 0 then
    return false
end
local reply = redis.call('HMGET', job, 'resultBytes', 'resultType', 'resultBlob')
reply[4] = reply[1] and not reply[3] and redis.call('GET', queues[1].j .. 'results:' .. id)
return reply
