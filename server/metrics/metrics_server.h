#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace latentd::metrics {

// Answers GET /metrics with a registry's metrics, the process's own (memory, CPU, files, start time) and the log's in
// Prometheus' text format.
class MetricsServer {
 public:
  // Listens on "ADDR:PORT" (port 0: any free one). An address that cannot be had is an error that names it.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              std::shared_ptr<prometheus::Collectable> metrics);
  ~MetricsServer();

  int port() const;

 private:
  MetricsServer(std::unique_ptr<prometheus::Exposer> exposer, std::shared_ptr<prometheus::Collectable> metrics);

  // The exposer holds weak references only.
  const std::shared_ptr<prometheus::Collectable> metrics_;
  const std::shared_ptr<prometheus::Collectable> process_;
  const std::shared_ptr<prometheus::Collectable> log_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace latentd::metrics
