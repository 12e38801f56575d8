-- use: queue
-- GET: a job and all that hangs on it (side.h says what the keys hold).
--   ARGV   id; how many names of steps
--   reply  {fields, payload, warnings, history, names of steps, outputs, log}; nil: not at this prefix
local id, steps = take(), take_number()
local j = queues[1].j
local fields = redis.call('HGETALL', j .. 'job:' .. id)
if #fields == 0 then
    return false
end
local has = {}
for i = 1, #fields, 2 do
    has[fields[i]] = true
end
return {
    fields,
    has.payloadBytes and redis.call('GET', j .. 'payload:' .. id) or false,
    has.warnings and redis.call('LRANGE', j .. 'warnings:' .. id, 0, -1) or false,
    has.history and redis.call('LRANGE', j .. 'history:' .. id, 0, -1) or false,
    has.steps and redis.call('LRANGE', j .. 'steps:' .. id .. ':names', 0, steps - 1) or false,
    has.outputs and redis.call('HGETALL', j .. 'outputs:' .. id) or false,
    has.log and redis.call('GET', j .. 'log:' .. id) or false,
}
