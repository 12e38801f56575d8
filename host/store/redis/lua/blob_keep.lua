-- use: queue blob
-- BLOB_KEEP: the hour of those that nobody names begins again.
--   ARGV   how many; sha256 each
for _ = 1, take_number() do
    redis.call('ZADD', 'jh:blob:idle', 'XX', text_of(now), take())
end
return 1
