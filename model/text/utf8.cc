#include "model/text/utf8.h"

#include <cstdint>

namespace latentd::model {
namespace {

constexpr char32_t kReplacement = 0xfffd;

// What a first byte promises.
struct Lead {
  int continuation_bytes = 0;
  char32_t bits = 0;
  // Bounds of the second byte: they exclude overlong forms, surrogates and code points above U+10FFFF.
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
};

// REQUIRES: byte >= 0x80. Zero continuation bytes: no sequence begins so.
Lead ParseLead(uint8_t byte) {
  if (byte >= 0xc2 && byte <= 0xdf) return {.continuation_bytes = 1, .bits = byte & 0x1fu};
  if (byte >= 0xe0 && byte <= 0xef) {
    return {.continuation_bytes = 2,
            .bits = byte & 0x0fu,
            .low = static_cast<uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
            .high = static_cast<uint8_t>(byte == 0xed ? 0x9f : 0xbf)};
  }
  if (byte >= 0xf0 && byte <= 0xf4) {
    return {.continuation_bytes = 3,
            .bits = byte & 0x07u,
            .low = static_cast<uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            .high = static_cast<uint8_t>(byte == 0xf4 ? 0x8f : 0xbf)};
  }
  return {};
}

}  // namespace

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t first = static_cast<uint8_t>(text[i++]);
    if (first < 0x80) {
      out.push_back(first);
      continue;
    }
    Lead lead = ParseLead(first);
    bool complete = lead.continuation_bytes > 0;
    for (int k = 0; k < lead.continuation_bytes; ++k) {
      const uint8_t byte = i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
      if (byte < lead.low || byte > lead.high) {
        complete = false;
        break;
      }
      lead.bits = lead.bits << 6 | (byte & 0x3fu);
      lead.low = 0x80;
      lead.high = 0xbf;
      ++i;
    }
    out.push_back(complete ? lead.bits : kReplacement);
  }
  return out;
}

void AppendUtf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  const int continuation_bytes = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  out.push_back(static_cast<char>(kLead[continuation_bytes] | c >> (6 * continuation_bytes)));
  for (int k = continuation_bytes - 1; k >= 0; --k) out.push_back(static_cast<char>(0x80 | (c >> (6 * k) & 0x3f)));
}

}  // namespace latentd::model
