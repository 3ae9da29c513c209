#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "server/core/blob_store.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"

namespace latentd::metrics {

// What the server was told not to exceed. 0: there is no such limit, and no metric.
struct Limits {
  int queued_jobs = 0;
  int batch_rows = 0;
  int64_t weights_bytes = 0;  // of loaded models on the device
  int64_t adapter_bytes = 0;
  int64_t blob_bytes = 0;
  int64_t process_bytes = 0;  // what the machine or the container leaves to the process
};

// The service's Prometheus metrics, all named `latentd_…`. Labels are the model, the stage, the state and the reason of
// a refusal: few values each, never a job, a user or a prompt. Thread-safe.
class PrometheusMetrics : public core::Observer {
 public:
  explicit PrometheusMetrics(const std::string& version);

  // What an exposer shows.
  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

  void SetLimits(const Limits& limits);
  // Whether the server wants work; see core::Readiness.
  void SetReady(bool ready);
  void SetEngineStuck(bool stuck);
  void OnCanaryFailed();

  void SetJobStoreUp(bool up);

  // Event streams that are open now; see rpc::Server::Options::on_open_streams.
  void SetOpenStreams(int count);

  // Large inputs that are there; see store::MemoryBlobStoreOptions::on_usage.
  void SetBlobs(const core::BlobUsage& usage);

  void OnJobAdmitted(const std::string& model) override;
  void OnJobRefused(const std::string& reason) override;
  void OnJobStarted(const std::string& model, absl::Duration wait) override;
  void OnJobRequeued(const std::string& model) override;
  void OnJobEnded(const std::string& model, core::JobState from, core::JobState to,
                  absl::Duration since_creation) override;
  void OnQueuedWork(const std::string& model, int64_t jobs, int64_t pixel_steps) override;
  void OnStageRun(const core::StageRun& run) override;
  void OnImage(const std::string& model) override;
  void OnFlaggedImage(const std::string& model) override;
  void OnEncodeCache(bool hit) override;
  void OnAdapters(const core::AdapterChange& change) override;
  void OnDeviceMemory(int64_t weights, int64_t total) override;

 private:
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Counters = prometheus::Family<prometheus::Counter>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  prometheus::Gauge& JobsIn(core::JobState state, const std::string& model);

  const std::shared_ptr<prometheus::Registry> registry_;
  core::Mutex queue_mutex_;  // keeps the depth the sum of the models' waiting jobs
  Gauges& jobs_;
  Counters& admitted_;
  Counters& refused_;
  Counters& ended_;
  Gauges& queued_pixel_steps_;
  Histograms& queue_wait_;
  Histograms& job_duration_;
  Histograms& batch_rows_;
  Histograms& batch_lanes_;
  Histograms& stage_duration_;
  Counters& forwards_;
  Counters& evaluations_;
  Counters& images_;
  Counters& flagged_images_;
  Counters& pixel_steps_;
  prometheus::Gauge& ready_;
  prometheus::Gauge& engine_stuck_;
  prometheus::Counter& canary_failures_;
  prometheus::Gauge& job_store_up_;
  prometheus::Gauge& queue_depth_;
  prometheus::Counter& encode_cache_hits_;
  prometheus::Counter& encode_cache_misses_;
  prometheus::Counter& adapter_loads_;
  prometheus::Counter& adapter_evictions_;
  prometheus::Gauge& adapter_bytes_;
  prometheus::Gauge& weights_bytes_;
  prometheus::Gauge& device_bytes_;
  prometheus::Gauge& open_streams_;
  prometheus::Gauge& blobs_;
  prometheus::Gauge& blob_bytes_;
  prometheus::Gauge& blob_uploads_;
  prometheus::Gauge& blob_upload_bytes_;
};

}  // namespace latentd::metrics
