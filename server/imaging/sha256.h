#pragma once

#include <string>
#include <string_view>

namespace latentd::imaging {

// SHA-256 of `data` in lower-case hex.
std::string Sha256Hex(std::string_view data);

}  // namespace latentd::imaging
