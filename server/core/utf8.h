#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace latentd::core {

// The number of characters (code points) of `text`; empty when it is not valid UTF-8 (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF).
std::optional<int64_t> CountCharacters(absl::string_view text);

// `text` in quotation marks for a message to people: at most 40 bytes of it, everything but printable ASCII escaped.
std::string Quote(absl::string_view text);

}  // namespace latentd::core
