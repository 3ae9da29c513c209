#pragma once

#include <string>
#include <string_view>

namespace latentd::client {

// SHA-256 in lower-case hex.
std::string Sha256Hex(std::string_view bytes);

}  // namespace latentd::client
