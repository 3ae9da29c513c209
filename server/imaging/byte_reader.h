#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace latentd::imaging {

// Takes pieces off the front of bytes that cannot be trusted.
class ByteReader {
 public:
  explicit ByteReader(std::string_view data) : left_(data) {}

  size_t left() const { return left_.size(); }

  // False, and nothing is taken, when fewer bytes are left.
  bool Take(uint64_t bytes, std::string_view& piece) {
    if (bytes > left_.size()) return false;
    piece = left_.substr(0, static_cast<size_t>(bytes));
    left_.remove_prefix(static_cast<size_t>(bytes));
    return true;
  }

 private:
  std::string_view left_;
};

// REQUIRES: at + bytes <= data.size(), bytes <= 4.
inline uint32_t BigEndian(std::string_view data, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(data[at + i]);
  return value;
}

inline uint32_t LittleEndian(std::string_view data, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(data[at + i]);
  return value;
}

}  // namespace latentd::imaging
