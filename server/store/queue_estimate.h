#pragma once

#include <optional>

#include "absl/time/time.h"

namespace latentd::store {

// How long those who wait will have to, from how long recent jobs ran. Not thread-safe.
class QueueEstimate {
 public:
  // A job ended that ran so long.
  void OnRan(absl::Duration duration);

  // Time until the job at `position` (0: next) starts while `running` jobs run at a time: each place in the line costs
  // a running job's mean time divided among them; while nothing runs, the next one starts at once. Empty before the
  // first job has ended.
  std::optional<absl::Duration> UntilStart(int position, int running) const;

  // Time until there is room for one more in the line: at least a second, at most a minute.
  absl::Duration UntilRoom(int running) const;

 private:
  std::optional<absl::Duration> mean_;  // the last ones count most
};

}  // namespace latentd::store
