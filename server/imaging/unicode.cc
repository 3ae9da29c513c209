#include "server/imaging/unicode.h"

#include <cstdint>

namespace latentd::imaging {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Takes one character from the front of `text`, which is not empty.
char32_t TakeCharacter(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t length = lead < 0x80            ? 1
                        : lead >> 5 == 0b110   ? 2
                        : lead >> 4 == 0b1110  ? 3
                        : lead >> 3 == 0b11110 ? 4
                                               : 0;
  if (length == 0 || length > text.size()) {
    text.remove_prefix(1);
    return kReplacement;
  }
  char32_t character = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 0b10) {
      text.remove_prefix(i);
      return kReplacement;
    }
    character = character << 6 | (byte(i) & 0x3F);
  }
  text.remove_prefix(length);
  const bool surrogate = character >= 0xD800 && character < 0xE000;
  return surrogate || character > 0x10FFFF ? kReplacement : character;
}

void AppendUnit(std::string& out, char32_t unit) {
  out += static_cast<char>(unit >> 8);
  out += static_cast<char>(unit & 0xFF);
}

}  // namespace

std::optional<std::string> Utf8ToLatin1(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char32_t character = TakeCharacter(text);
    if (character > 0xFF) return std::nullopt;
    out += static_cast<char>(character);
  }
  return out;
}

std::string Utf8ToUtf16BigEndian(std::string_view text) {
  std::string out;
  out.reserve(2 * text.size());
  while (!text.empty()) {
    const char32_t character = TakeCharacter(text);
    if (character < 0x10000) {
      AppendUnit(out, character);
    } else {
      AppendUnit(out, 0xD800 + ((character - 0x10000) >> 10));
      AppendUnit(out, 0xDC00 + ((character - 0x10000) & 0x3FF));
    }
  }
  return out;
}

std::string Utf8Prefix(std::string_view text, size_t characters) {
  std::string_view rest = text;
  for (; characters > 0 && !rest.empty(); --characters) TakeCharacter(rest);
  return std::string(text.substr(0, text.size() - rest.size()));
}

}  // namespace latentd::imaging
