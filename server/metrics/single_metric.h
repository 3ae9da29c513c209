#pragma once

#include <prometheus/metric_family.h>

namespace latentd::metrics {

// A metric without labels, as a collector shows it. REQUIRES: `type` is Counter or Gauge.
inline prometheus::MetricFamily SingleMetric(const char* name, const char* help, prometheus::MetricType type,
                                             double value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.emplace_back();
  (type == prometheus::MetricType::Counter ? family.metric[0].counter.value : family.metric[0].gauge.value) = value;
  return family;
}

}  // namespace latentd::metrics
