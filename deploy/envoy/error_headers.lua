-- Headers by which HTTP's own libraries know what to do about an error. (Callers of gRPC have their status, and get 200.)

function envoy_on_response(response)
  local headers = response:headers()
  local status = headers:get(":status")
  if status == "401" then
    headers:replace("www-authenticate", "Bearer")
  end
  local pause = headers:get("grpc-retry-pushback-ms")
  if pause and status ~= "200" then
    headers:replace("retry-after", string.format("%d", math.ceil(tonumber(pause) / 1000)))
  end
end
