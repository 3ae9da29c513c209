#pragma once

#include <prometheus/collectable.h>

#include <vector>

namespace latentd::metrics {

// What became of the log's lines, read from server/log at each scrape. Thread-safe.
class LogCollector : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace latentd::metrics
