#include "tests/model/weights/test_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace latentd::model {
namespace {

// A field of /proc/self/status, which counts in kB.
size_t StatusBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field + ":")) return std::stoul(line.substr(field.size() + 1)) * 1024;
  }
  ADD_FAILURE() << "no " << field << " in /proc/self/status";
  return 0;
}

}  // namespace

size_t FileMemory() { return StatusBytes("RssFile"); }

size_t PeakMemory() { return StatusBytes("VmHWM"); }

void ResetPeakMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace latentd::model
