#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace latentd::openai {

// A status of the job or its specification as a caller of this API understands it: fields have its parameters' names,
// and what a server does not do because it stops is UNAVAILABLE, to be tried again. Others stay as they are.
absl::Status ForCaller(const absl::Status& status);

// {message, type, param, code}: that API's error object, for where no status of HTTP can say it any more. Elsewhere
// deploy/envoy/openai_errors.lua makes the same from google.rpc.Status. REQUIRES: status is not OK.
nlohmann::json ErrorObject(const absl::Status& status);

}  // namespace latentd::openai
