#include "client/cpp/utf8.h"

#include <cstddef>

namespace latentd::client {

bool IsUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  size_t i = 0;
  while (i < text.size()) {
    const int lead = byte(i++);
    if (lead < 0x80) {
      continue;
    }
    const int following = lead >= 0xc2 && lead <= 0xdf   ? 1
                          : lead >= 0xe0 && lead <= 0xef ? 2
                          : lead >= 0xf0 && lead <= 0xf4 ? 3
                                                         : 0;
    // The second byte's range keeps out overlong forms, surrogates, and what is above U+10FFFF.
    const int low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const int high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (following == 0 || byte(i) < low || byte(i) > high) {
      return false;
    }
    ++i;
    for (int k = 1; k < following; ++k, ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xbf) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace latentd::client
