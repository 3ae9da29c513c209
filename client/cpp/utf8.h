#pragma once

#include <string_view>

namespace latentd::client {

// Whether `text` is well-formed UTF-8 (Unicode 15, table 3-7). Protobuf sends a string that is not, and the server's
// parser then drops the whole message without a word about the field.
bool IsUtf8(std::string_view text);

}  // namespace latentd::client
