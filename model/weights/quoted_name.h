#pragma once

#include <string>

namespace latentd::model {

// A tensor's name for messages, in quotes. Names come from files: they may be of any length and hold anything, so
// control characters are escaped, bytes that are not UTF-8 are replaced, and what is longer than 200 bytes is clipped.
std::string QuotedName(const std::string& name);

}  // namespace latentd::model
