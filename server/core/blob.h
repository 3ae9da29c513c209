#pragma once

#include <memory>
#include <string>

namespace latentd::core {

// Bytes shared by whoever sends them; never changed once made.
using Blob = std::shared_ptr<const std::string>;

}  // namespace latentd::core
