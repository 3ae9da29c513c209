#pragma once

#include <string>

namespace latentd::client {

// A random UUID (version 4, RFC 9562), such as "9b2fbd5c-1f0e-4e0a-8c4f-6c1d2f3e4a5b". Thread-safe.
std::string RandomUuid();

}  // namespace latentd::client
