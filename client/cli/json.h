#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "latentd/v1/event.pb.h"

namespace latentd::cli {

// One line in protobuf's JSON mapping: lower camel case, 64-bit numbers as strings, fields of value zero included.
std::string ToJson(const google::protobuf::Message& message);

// An event without the bytes of chunks and previews, which would be most of the output.
std::string EventJson(v1::Event event);

// {"error": …} with a google.rpc.Status.
std::string ErrorJson(const absl::Status& status);

}  // namespace latentd::cli
