-- The load. Arguments: the expected status, then either
--   post BODY               one and the same POST, or
--   results FILE RUN        join results: each with its own id, for the receipts in FILE (one a line) in turn.
-- Every answer's status is looked at; the end is told as one line of JSON.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  expected, wrong, other = tonumber(args[1]), 0, 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if args[2] == "post" then
    wrk.body = args[3]
  else
    receipts, run, sent = {}, tonumber(args[4]), 0
    for line in io.lines(args[3]) do
      receipts[#receipts + 1] = line
    end
    request = next_result
  end
end

local RESULT = '{"receipt": "%s", "id": "%08x%08x%016x", "attempt": 1, "outcome": "failed", ' ..
  '"error": {"type": "JOIN_MEETING_FAILED", "method": "join", "status": false, "errorCode": 3712, ' ..
  '"reason": "Signature is invalid."}, "age_ms": %d, "asked": "seen", "age_clock": "monotonic", ' ..
  '"join_ms": 310.5, "step": 4, "suspended": false, "signature_intact": true, "meeting_matches": true, ' ..
  '"view": "component", "sdk_version": "3.8.10", "dropped": 0}'

function next_result()
  sent = sent + 1
  local receipt = receipts[(sent * 2 + number) % #receipts + 1]
  return wrk.format(nil, nil, nil, string.format(RESULT, receipt, run, number, sent, 50 + sent % 500))
end

function response(status)
  if status ~= expected then
    wrong, other = wrong + 1, status
  end
end

function done(summary, latency)
  local wrong, other = 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    other = math.max(other, thread:get("other"))
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "wrong": %d, "other_status": %d, "failed": %d}\n',
    summary.requests, summary.duration, wrong, other,
    errors.connect + errors.read + errors.write + errors.timeout))
end
