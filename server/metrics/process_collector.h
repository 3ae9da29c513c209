#pragma once

#include <prometheus/collectable.h>

#include <vector>

namespace latentd::metrics {

// The process's own metrics under the names that every Prometheus client gives them, read from /proc at each scrape:
// resident memory, start time, CPU time, open files. Thread-safe.
class ProcessCollector : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace latentd::metrics
