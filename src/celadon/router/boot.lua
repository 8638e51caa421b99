-- Where a request waits. It is held before anything is sent: a body of any size waits at the client.

local look = 50 -- ms

local function seconds_since(start)
  local now = core.now()
  return (now.sec - start.sec) + (now.usec - start.usec) / 1e6
end

local function stopping(txn)
  local answer = txn.f:stopping()
  return answer == true or answer == 1
end

-- For a dyno of an app whose first ones boot: until there is one, or a sentence why not.
local routes = Map.new("@files@/routes.map", Map._str)

core.register_action("await_boot", { "http-req" }, function(txn)
  local app = txn:get_var("txn.app")
  local start = core.now()
  local route = "wait"
  local said = -1
  while route == "wait" and not stopping(txn) do
    if seconds_since(start) >= @boot_queue_timeout@ then
      route = "H20"
    else
      -- The router role reads this in its ring, and wakes a dyno that sleeps. Each second: one line may be lost.
      if core.now().sec > said then
        said = core.now().sec
        txn:log(core.info, "waits " .. app .. " " .. said)
      end
      core.msleep(look)
      route = routes:lookup(app) or "nothing"
    end
  end
  txn:set_var("txn.route", route)
end)

-- For a role of the platform that has been killed: until it listens again, or for so long that nobody should wait more.
core.register_action("await_role", { "tcp-req" }, function(txn, socket)
  local start = core.now()
  while seconds_since(start) < @role_patience@ do
    local probe = core.tcp()
    probe:settimeout(1)
    local listening = probe:connect("@run@/" .. socket .. ".sock")
    probe:close()
    if listening then
      return
    end
    core.msleep(look)
  end
  txn:set_var("txn.absent", true)
end, 1)

-- The answer then. A connection that is closed without one would be made again, and the wait with it, three times.
local absent = '{"id":"service_unavailable","message":"cannot reach this part of the platform: it does not answer. '
  .. 'Try again in a moment; bin/celadon doctor says more."}'

core.register_service("role_absent", "tcp", function(applet)
  applet:send("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n")
  applet:send("Content-Length: " .. #absent .. "\r\n\r\n" .. absent)
end)
