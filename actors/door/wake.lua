-- Asks the manager to wake the user's instance, and waits. The manager may be away for a moment:
-- then this asks again, until the time is over.

local SOCKET = "unix@" .. os.getenv("PBLM_WAKE")
local DEADLINE = 20 -- seconds
local PAUSE = 50 -- milliseconds

local function ask(label)
  return core.httpclient():get({
    url = "http://127.0.0.1/wake?user=" .. label,
    dst = SOCKET,
    timeout = 25000, -- milliseconds; the manager answers within 20 seconds
  })
end

core.register_action("wake", { "http-req" }, function(txn)
  local label = txn:get_var("txn.label")
  local last = core.now().sec + DEADLINE
  repeat
    local answer = ask(label)
    local port = answer.headers and answer.headers["x-pb-port"]
    local refusal = answer.headers and answer.headers["retry-after"]
    if answer.status == 200 and port then
      txn:set_var("txn.port", tonumber(port[0]))
      return
    elseif answer.status == 403 then
      txn:set_var("txn.refused", 404)
      return
    elseif refusal then -- of the manager; HAProxy's own 503 has none
      txn:set_var("txn.refused", 503)
      txn:set_var("txn.again", refusal[0])
      return
    end
    core.msleep(PAUSE)
  until core.now().sec >= last
  txn:set_var("txn.refused", 503)
  txn:set_var("txn.again", "1")
end, 0)
