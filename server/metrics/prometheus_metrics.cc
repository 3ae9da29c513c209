#include "server/metrics/prometheus_metrics.h"

namespace latentd::metrics {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// Powers of two up to twice the rows of a large batch.
const Buckets& BatchBuckets() {
  static const auto* const buckets = new Buckets{1, 2, 4, 8, 16, 32, 64, 128};
  return *buckets;
}

// From the embedded model's milliseconds to a large picture's minutes.
const Buckets& StageBuckets() {
  static const auto* const buckets =
      new Buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  return *buckets;
}

const Buckets& JobBuckets() {
  static const auto* const buckets =
      new Buckets{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600};
  return *buckets;
}

const char* Name(core::Stage stage) {
  switch (stage) {
    case core::Stage::kEncode:
      return "encode";
    case core::Stage::kPredict:
      return "predict";
    case core::Stage::kDecode:
      return "decode";
  }
  return "";
}

auto& GaugeFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

auto& CounterFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

auto& HistogramFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

PrometheusMetrics::PrometheusMetrics(const std::string& version)
    : registry_(std::make_shared<prometheus::Registry>()),
      jobs_(GaugeFamily(*registry_, "latentd_jobs", "Jobs that wait or run, by state and model.")),
      admitted_(CounterFamily(*registry_, "latentd_jobs_admitted_total", "Jobs accepted, by model.")),
      refused_(CounterFamily(*registry_, "latentd_jobs_refused_total", "Requests refused at admission, by reason.")),
      ended_(CounterFamily(*registry_, "latentd_jobs_ended_total", "Jobs that ended, by final state and model.")),
      queued_pixel_steps_(GaugeFamily(*registry_, "latentd_queued_pixel_steps",
                                      "Pixel steps that the waiting jobs are expected to take, by model.")),
      queue_wait_(HistogramFamily(*registry_, "latentd_queue_wait_seconds",
                                  "Time from a job's acceptance to its first step, by model.")),
      job_duration_(HistogramFamily(*registry_, "latentd_job_duration_seconds",
                                    "Time from a job's acceptance to its end, by final state and model.")),
      batch_rows_(HistogramFamily(*registry_, "latentd_batch_rows", "Images that took part in one U-Net forward.")),
      batch_lanes_(HistogramFamily(*registry_, "latentd_batch_lanes",
                                   "Batch entries of one U-Net forward: two for an image with guidance.")),
      stage_duration_(HistogramFamily(*registry_, "latentd_stage_duration_seconds",
                                      "Device time of one batch, by stage (encode, predict, decode) and model.")),
      forwards_(CounterFamily(*registry_, "latentd_forwards_total", "U-Net forwards, by model.")),
      evaluations_(CounterFamily(*registry_, "latentd_evaluations_total",
                                 "U-Net predictions for one image each: a forward makes several, by model.")),
      images_(CounterFamily(*registry_, "latentd_images_total", "Images made, by model.")),
      flagged_images_(CounterFamily(*registry_, "latentd_flagged_images_total",
                                    "Images that their model's safety checker flagged, withheld or not, by model.")),
      pixel_steps_(CounterFamily(*registry_, "latentd_pixel_steps_total",
                                 "Evaluations times batch entries times pixels of the picture, by model.")),
      ready_(GaugeFamily(*registry_, "latentd_ready",
                         "1 while the server wants work: preloaded, its device works, not stopping.")
                 .Add({})),
      engine_stuck_(GaugeFamily(*registry_, "latentd_engine_stuck",
                                "1 while one piece of the device's work takes far longer than any should.")
                        .Add({})),
      canary_failures_(CounterFamily(*registry_, "latentd_canary_failures_total",
                                     "Steps without a job, taken to see whether the device works, that failed.")
                           .Add({})),
      job_store_up_(GaugeFamily(*registry_, "latentd_job_store_up",
                                "1 while the store of jobs can be used; that in memory always can.")
                        .Add({})),
      queue_depth_(GaugeFamily(*registry_, "latentd_queue_depth", "Jobs that wait.").Add({})),
      encode_cache_hits_(
          CounterFamily(*registry_, "latentd_encode_cache_hits_total", "Prompts found already encoded.").Add({})),
      encode_cache_misses_(
          CounterFamily(*registry_, "latentd_encode_cache_misses_total", "Prompts that had to be encoded.").Add({})),
      adapter_loads_(
          CounterFamily(*registry_, "latentd_adapter_loads_total", "Adapters brought to the device.").Add({})),
      adapter_evictions_(CounterFamily(*registry_, "latentd_adapter_evictions_total",
                                       "Adapters that left the device, to make room or with their model.")
                             .Add({})),
      adapter_bytes_(GaugeFamily(*registry_, "latentd_adapter_bytes",
                                 "Memory of the device that holds the weights of loaded adapters.")
                         .Add({})),
      weights_bytes_(GaugeFamily(*registry_, "latentd_device_weights_bytes",
                                 "Memory of the device that holds the weights of loaded models.")
                         .Add({})),
      device_bytes_(GaugeFamily(*registry_, "latentd_device_memory_bytes",
                                "Memory of the device in use, as far as it tells: the weights at least.")
                        .Add({})),
      open_streams_(GaugeFamily(*registry_, "latentd_open_streams", "Event streams that are open.").Add({})),
      blobs_(GaugeFamily(*registry_, "latentd_blobs", "Large inputs that are kept.").Add({})),
      blob_bytes_(GaugeFamily(*registry_, "latentd_blob_bytes", "Memory of the large inputs that are kept.").Add({})),
      blob_uploads_(GaugeFamily(*registry_, "latentd_blob_uploads", "Large inputs that are still arriving.").Add({})),
      blob_upload_bytes_(
          GaugeFamily(*registry_, "latentd_blob_upload_bytes", "Memory of the large inputs that are still arriving.")
              .Add({})) {
  GaugeFamily(*registry_, "latentd_build_info", "1, with the version as a label.").Add({{"version", version}}).Set(1);
}

prometheus::Gauge& PrometheusMetrics::JobsIn(core::JobState state, const std::string& model) {
  return jobs_.Add({{"state", Name(state)}, {"model", model}});
}

void PrometheusMetrics::SetLimits(const Limits& limits) {
  const auto set = [this](const char* name, const char* help, int64_t limit) {
    if (limit > 0) GaugeFamily(*registry_, name, help).Add({}).Set(static_cast<double>(limit));
  };
  set("latentd_queue_depth_limit", "Jobs that may wait.", limits.queued_jobs);
  set("latentd_batch_rows_limit", "Images that may take part in one U-Net forward.", limits.batch_rows);
  set("latentd_device_weights_limit_bytes", "What the weights of loaded models may take on the device.",
      limits.weights_bytes);
  set("latentd_adapter_limit_bytes", "What the weights of loaded adapters may take.", limits.adapter_bytes);
  set("latentd_blob_limit_bytes", "What large inputs may take, kept and arriving ones together.", limits.blob_bytes);
  set("latentd_process_memory_limit_bytes", "What the machine or the container leaves to the process.",
      limits.process_bytes);
}

void PrometheusMetrics::SetReady(bool ready) { ready_.Set(ready ? 1 : 0); }

void PrometheusMetrics::SetEngineStuck(bool stuck) { engine_stuck_.Set(stuck ? 1 : 0); }

void PrometheusMetrics::OnCanaryFailed() { canary_failures_.Increment(); }

void PrometheusMetrics::SetJobStoreUp(bool up) { job_store_up_.Set(up ? 1 : 0); }

void PrometheusMetrics::SetOpenStreams(int count) { open_streams_.Set(count); }

void PrometheusMetrics::SetBlobs(const core::BlobUsage& usage) {
  blobs_.Set(static_cast<double>(usage.blobs));
  blob_bytes_.Set(static_cast<double>(usage.bytes));
  blob_uploads_.Set(static_cast<double>(usage.uploads));
  blob_upload_bytes_.Set(static_cast<double>(usage.upload_bytes));
}

void PrometheusMetrics::OnJobAdmitted(const std::string& model) { admitted_.Add({{"model", model}}).Increment(); }

void PrometheusMetrics::OnJobRefused(const std::string& reason) { refused_.Add({{"reason", reason}}).Increment(); }

void PrometheusMetrics::OnJobStarted(const std::string& model, absl::Duration wait) {
  JobsIn(core::JobState::kRunning, model).Increment();
  queue_wait_.Add({{"model", model}}, JobBuckets()).Observe(absl::ToDoubleSeconds(wait));
}

void PrometheusMetrics::OnJobRequeued(const std::string& model) { JobsIn(core::JobState::kRunning, model).Decrement(); }

void PrometheusMetrics::OnJobEnded(const std::string& model, core::JobState from, core::JobState to,
                                   absl::Duration since_creation) {
  if (from == core::JobState::kRunning) JobsIn(from, model).Decrement();
  ended_.Add({{"state", Name(to)}, {"model", model}}).Increment();
  job_duration_.Add({{"state", Name(to)}, {"model", model}}, JobBuckets())
      .Observe(absl::ToDoubleSeconds(since_creation));
}

void PrometheusMetrics::OnQueuedWork(const std::string& model, int64_t jobs, int64_t pixel_steps) {
  core::MutexLock lock(queue_mutex_);
  queue_depth_.Increment(static_cast<double>(jobs) - JobsIn(core::JobState::kQueued, model).Value());
  JobsIn(core::JobState::kQueued, model).Set(static_cast<double>(jobs));
  queued_pixel_steps_.Add({{"model", model}}).Set(static_cast<double>(pixel_steps));
}

void PrometheusMetrics::OnStageRun(const core::StageRun& run) {
  stage_duration_.Add({{"stage", Name(run.stage)}, {"model", run.model}}, StageBuckets())
      .Observe(absl::ToDoubleSeconds(run.time));
  if (run.stage != core::Stage::kPredict) return;
  batch_rows_.Add({{"model", run.model}}, BatchBuckets()).Observe(run.rows);
  batch_lanes_.Add({{"model", run.model}}, BatchBuckets()).Observe(run.lanes);
  forwards_.Add({{"model", run.model}}).Increment();
  evaluations_.Add({{"model", run.model}}).Increment(run.rows);
  pixel_steps_.Add({{"model", run.model}}).Increment(static_cast<double>(run.pixels));
}

void PrometheusMetrics::OnImage(const std::string& model) { images_.Add({{"model", model}}).Increment(); }

void PrometheusMetrics::OnFlaggedImage(const std::string& model) {
  flagged_images_.Add({{"model", model}}).Increment();
}

void PrometheusMetrics::OnEncodeCache(bool hit) { (hit ? encode_cache_hits_ : encode_cache_misses_).Increment(); }

void PrometheusMetrics::OnAdapters(const core::AdapterChange& change) {
  adapter_loads_.Increment(change.loaded);
  adapter_evictions_.Increment(change.evicted);
  adapter_bytes_.Set(static_cast<double>(change.bytes));
}

void PrometheusMetrics::OnDeviceMemory(int64_t weights, int64_t total) {
  weights_bytes_.Set(static_cast<double>(weights));
  device_bytes_.Set(static_cast<double>(total));
}

}  // namespace latentd::metrics
