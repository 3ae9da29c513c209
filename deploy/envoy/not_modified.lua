-- A picture that the caller has already (If-None-Match names its ETag) is not sent again.

function envoy_on_request(request)
  local known = request:headers():get("if-none-match")
  if known then
    request:streamInfo():dynamicMetadata():set("not_modified", "known", known)
  end
end

function envoy_on_response(response)
  local request = response:streamInfo():dynamicMetadata():get("not_modified")
  local headers = response:headers()
  local etag = headers:get("etag")
  if not request or not etag or headers:get(":status") ~= "200" then
    return
  end
  if request.known == "*" or request.known:find(etag, 1, true) then
    headers:replace(":status", "304")
    headers:remove("content-type")
    headers:remove("content-length")
    for chunk in response:bodyChunks() do
      chunk:setBytes("")
    end
  end
end
