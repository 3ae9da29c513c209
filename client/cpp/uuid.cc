#include "client/cpp/uuid.h"

#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"

namespace latentd::client {

std::string RandomUuid() {
  absl::BitGen random;
  const auto high = (absl::Uniform<uint64_t>(random) & ~uint64_t{0xf000}) | 0x4000;
  const auto low = (absl::Uniform<uint64_t>(random) & (~uint64_t{0} >> 2)) | (uint64_t{2} << 62);
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48,
                         low & 0xffff'ffff'ffff);
}

}  // namespace latentd::client
