#include "server/metrics/metrics_server.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/metrics/log_collector.h"
#include "server/metrics/process_collector.h"

namespace latentd::metrics {

MetricsServer::MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                             std::shared_ptr<prometheus::Collectable> metrics)
    : metrics_(std::move(metrics)),
      process_(std::make_shared<ProcessCollector>()),
      log_(std::make_shared<LogCollector>()),
      exposer_(std::move(exposer)) {
  exposer_->RegisterCollectable(metrics_);
  exposer_->RegisterCollectable(process_);
  exposer_->RegisterCollectable(log_);
}

MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address,
                                                                    std::shared_ptr<prometheus::Collectable> metrics) {
  try {
    return std::unique_ptr<MetricsServer>(
        new MetricsServer(std::make_unique<prometheus::Exposer>(address, /*num_threads=*/2), std::move(metrics)));
  } catch (const std::exception& exception) {  // the HTTP server of prometheus-cpp throws
    return absl::FailedPreconditionError(absl::StrCat("cannot serve metrics on ", address,
                                                      ": the address is in use or not one of this machine (",
                                                      exception.what(), ")"));
  }
}

int MetricsServer::port() const {
  const std::vector<int> ports = exposer_->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace latentd::metrics
