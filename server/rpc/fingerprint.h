#pragma once

#include <string>

#include "latentd/v1/image_generation.pb.h"

namespace latentd::rpc {

// Equal for requests that ask for the same: whatever the order of their labels on the wire, and whether a picture came
// along or was named by its hash.
std::string Fingerprint(const v1::CreateJobRequest& request);

}  // namespace latentd::rpc
