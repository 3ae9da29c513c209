#pragma once

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/replica.h"

namespace latentd::cli {

// Where samples go: a screen that is drawn over on a terminal, one line for each in a pipe, one JSON object for each
// with --json. For one thread.
class TopOutput {
 public:
  virtual ~TopOutput() = default;

  virtual void Show(const std::vector<ReplicaSample>& samples, absl::Time now) = 0;

  // NO_COLOR and TERM=dumb are honoured.
  static std::unique_ptr<TopOutput> Make(bool json);
};

}  // namespace latentd::cli
