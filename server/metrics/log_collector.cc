#include "server/metrics/log_collector.h"

#include "server/log/log.h"
#include "server/metrics/single_metric.h"

namespace latentd::metrics {

std::vector<prometheus::MetricFamily> LogCollector::Collect() const {
  return {SingleMetric("latentd_log_lines_dropped_total",
                       "Lines of the log that were dropped, since nobody took them as quickly as they came.",
                       prometheus::MetricType::Counter, static_cast<double>(log::DroppedLines()))};
}

}  // namespace latentd::metrics
