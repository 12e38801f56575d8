-- Whose a job is: its field `claim`, which is written anew with each change of it, so that one comparison tells
-- whether a caller still has the job as he knows it.
--
--   "<token> <host> <commit>"        it runs: how many claims there were, the nonce of the host, the number of the
--                                    last commit
--   "<token> <host> <commit> over"   it does not run any more; host '-': nobody ended it, its lease did
--
-- There is none as long as the job is as it was submitted: a move enters "0 - 0 over".
--
-- The host is in it because a server that was restarted on an older state may give the same token twice.
local function claim_text(token, host, number, over)
    return text_of(token) .. ' ' .. host .. ' ' .. text_of(number) .. (over and ' over' or '')
end

-- token, host, number of the last commit, is it over; of none, or one that nobody can read: 0 '-' 0 true
local function read_claim(text)
    local token, host, number, rest = string.match(text or '', '^(%d+) (%S+) (%d+)(.*)$')
    if not token then
        return 0, '-', 0, true
    end
    return tonumber(token), host, tonumber(number), rest ~= ''
end

local NO_CLAIM = '0 - 0 over'

-- Its revision as C knows it: `rev` counts only what claims and commits do not tell.
local function revision(rev, claim)
    local token, _, number = read_claim(claim)
    return (tonumber(rev) or 1) + token + number
end
