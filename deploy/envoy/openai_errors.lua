-- Errors on the paths of the OpenAI images API, which come as google.rpc.Status in JSON, as that API has them.

local function kind(status)
  if status == 429 then return "rate_limit_error" end
  return status < 500 and "invalid_request_error" or "server_error"
end

function envoy_on_response(response)
  local status = tonumber(response:headers():get(":status"))
  if status < 400 then
    return
  end
  local body = response:body(true)
  -- Without \\ and \" the next quotation mark ends a text.
  local json = body:getBytes(0, body:length()):gsub("\\\\", "\1"):gsub('\\"', "\2")
  local function text(name)
    local found = json:match('"' .. name .. '":("[^"]*")')
    return found and found:gsub("\2", '\\"'):gsub("\1", "\\\\") or "null"
  end
  local answer = string.format('{"error":{"message":%s,"type":"%s","param":%s,"code":%s}}',
                              text("message"), kind(status), text("field"), text("reason"):lower())
  local headers = response:headers()  -- those from before the wait for the body are dead
  headers:replace("content-type", "application/json")
  headers:replace("content-length", body:setBytes(answer))
end
