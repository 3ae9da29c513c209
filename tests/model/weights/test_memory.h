#pragma once

#include <cstddef>

namespace latentd::model {

// Bytes of mapped files that are in this process's memory now.
size_t FileMemory();

// The most memory this process has had at one time since ResetPeakMemory, in bytes.
size_t PeakMemory();
void ResetPeakMemory();

}  // namespace latentd::model
