#pragma once

#include <string_view>

namespace latentd::rpc {

// The media type of a PNG, JPEG or WebP file, known by its first bytes (PNG specification, third edition, section 5.2;
// ITU-T T.81, B.1.1.3; RFC 9649, section 2.4); of anything else "application/octet-stream".
const char* MediaTypeOf(std::string_view file);

}  // namespace latentd::rpc
