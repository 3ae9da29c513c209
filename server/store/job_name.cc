#include "server/store/job_name.h"

#include <random>

#include "absl/strings/str_format.h"

namespace latentd::store {

std::string NewJobName(const std::function<uint64_t()>& random) {
  const uint64_t version = uint64_t{4} << 12;
  const uint64_t variant = uint64_t{2} << 62;
  const uint64_t high = (random() & ~uint64_t{0xf000}) | version;
  const uint64_t low = (random() & ~(uint64_t{3} << 62)) | variant;
  return absl::StrFormat("jobs/%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48,
                         low & 0xffff'ffff'ffff);
}

uint64_t SystemRandom() {
  thread_local std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace latentd::store
