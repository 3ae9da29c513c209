#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace latentd::core {

// The service at work, as GetStats shows it. Rates and means are of the last 60 seconds, counts since the start.
struct Stats {
  int queued_jobs = 0;
  int running_jobs = 0;
  int running_rows = 0;
  double images_per_second = 0;
  double evaluations_per_second = 0;
  double mean_batch_rows = 0;  // of one U-Net forward
  double mean_batch_lanes = 0;
  int64_t forwards = 0;
  int64_t evaluations = 0;
  int64_t images = 0;
  absl::Duration uptime{};
  bool draining = false;
  std::string version{};
  std::string device{};  // "cpu", "cuda:0"
  std::string dtype{};   // "float32"
};

}  // namespace latentd::core
