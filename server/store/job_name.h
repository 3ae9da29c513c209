#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace latentd::store {

// "jobs/<uuid>", the UUID of version 4 (RFC 9562, section 5.4) with 122 bits of `random`.
std::string NewJobName(const std::function<uint64_t()>& random);

// 64 bits from the system's random source, which nobody can foretell: whoever is not told a job's name cannot guess it.
uint64_t SystemRandom();

}  // namespace latentd::store
