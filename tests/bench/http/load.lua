-- wrk's side of http_bench.py: wrk ... -s load.lua URL -- METHOD FILE
--   POST FILE: the same body every time, FILE's content;  GET FILE: one path after the other, FILE's lines;
--   RAW FILE: one request after the other as it stands there, each behind its length and a line's end.
-- Prints one line of JSON when it is over.

local requests, at = {}, 0

function init(args)
    local content = assert(io.open(args[2])):read("*a")
    if args[1] == "POST" then
        wrk.method, wrk.body = "POST", content
        wrk.headers["Content-Type"] = "application/json"
        requests[1] = wrk.format()
    elseif args[1] == "RAW" then
        local first = 1
        while first <= #content do
            local _, last, length = content:find("^(%d+)\n", first)
            requests[#requests + 1] = content:sub(last + 1, last + length)
            first = last + length + 1
        end
    else
        for path in content:gmatch("%S+") do
            requests[#requests + 1] = wrk.format("GET", path)
        end
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"requests":%d,"us":%d,"p50_us":%d,"p99_us":%d,"bad":%d}\n', summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
