#include "server/core/utf8.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace latentd::core {
namespace {

constexpr size_t kQuotedBytes = 40;

// The bytes of the character that `text` begins with; 0 when it is none. REQUIRES: `text` is not empty.
size_t CharacterSize(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  // The second byte's range keeps out what is overlong, a surrogate or too large.
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::optional<int64_t> CountCharacters(absl::string_view text) {
  int64_t count = 0;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (size == 0) return std::nullopt;
    text.remove_prefix(size);
    ++count;
  }
  return count;
}

std::string Quote(absl::string_view text) {
  const bool cut = text.size() > kQuotedBytes;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kQuotedBytes)), cut ? "…" : "", "\"");
}

}  // namespace latentd::core
