-- Asks the manager to wake the user's instance, and waits. However many wait for the same user,
-- each of HAProxy's threads asks once for all of them. The manager may be away for a moment: then
-- it is asked again, until the time is over.

local SOCKET = "unix@" .. os.getenv("PBLM_WAKE")
local DEADLINE = 20 -- seconds
local PAUSE = 50 -- milliseconds until the manager that is away is asked again
local MOST = 500 -- callers that wait for the same user
local HOLD = 50 -- milliseconds after which a stranger learns that nobody is there, however soon
-- the manager knew: how long it takes must not tell whether there has ever been such a user

local asking = {} -- the questions under way, by label

local function ask(label)
  return core.httpclient():get({
    url = "http://127.0.0.1/wake?hosts=1&user=" .. label,
    dst = SOCKET,
    timeout = 25000, -- milliseconds; the manager answers within 20 seconds
  })
end

-- Returns what the manager has said, as the variables that tell the rest of the rules.
local function understand(answer)
  local headers = answer.headers or {}
  local port, again = headers["x-pb-port"], headers["retry-after"]
  local address = headers["x-pb-address"] -- of its host; there is none where there is one host
  if answer.status == 200 and port then
    return { port = tonumber(port[0]), address = address and address[0] or "127.0.0.1" }
  elseif answer.status == 403 then
    return { refused = 404 }
  elseif again then -- of the manager; HAProxy's own 503 has none
    return { refused = 503, again = again[0] }
  end
end

local function answer_of(label)
  local last = core.now().sec + DEADLINE
  repeat
    local found = understand(ask(label))
    if found then
      return found
    end
    core.msleep(PAUSE)
  until core.now().sec >= last
  return { refused = 503, again = "1" }
end

local function milliseconds()
  local now = core.now()
  return now.sec * 1000 + now.usec // 1000
end

-- The question is a task of its own: the caller who was first may hang up, the others still wait.
local function question_about(label)
  local question = asking[label]
  if not question then
    question = { waiting = 0 }
    asking[label] = question
    core.register_task(function()
      local began = milliseconds()
      -- nobody would ask about that label again if an error ended this task
      local known, answer = pcall(answer_of, label)
      if not known then
        core.Warning("wake.lua: " .. tostring(answer))
        answer = { refused = 503, again = "1" }
      end
      if answer.refused == 404 then
        core.msleep(math.max(1, HOLD - (milliseconds() - began)))
      end
      question.answer = answer
      asking[label] = nil
    end)
  end
  return question
end

core.register_action("wake", { "http-req" }, function(txn)
  local question = question_about(txn:get_var("txn.label"))
  local answer = { refused = 503, again = "1" }
  if question.waiting < MOST then
    question.waiting = question.waiting + 1
    repeat
      core.msleep(1 + question.waiting // 20) -- many look less often
    until question.answer
    answer = question.answer
  end
  for name, value in pairs(answer) do
    txn:set_var("txn." .. name, value)
  end
end, 0)
