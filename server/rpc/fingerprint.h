#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace latentd::rpc {

// Equal for messages that ask for the same: whatever the order of their maps on the wire, and whether a picture came
// along or was named by its hash.
std::string Fingerprint(const google::protobuf::Message& message);

}  // namespace latentd::rpc
