#include "server/metrics/prometheus_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace latentd::metrics {
namespace {

using core::JobState;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Page(const PrometheusMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.registry()->Collect());
}

TEST(PrometheusMetrics, ANewServerShowsItsGaugesAndItsBuild) {
  const std::string page = Page(PrometheusMetrics("1.2.3"));
  EXPECT_THAT(page, HasSubstr("latentd_build_info{version=\"1.2.3\"} 1"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_ready 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_engine_stuck 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_job_store_up 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_queue_depth 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_open_streams 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_encode_cache_hits_total 0"));
}

TEST(PrometheusMetrics, JobsAreCountedByStateAndModel) {
  PrometheusMetrics metrics("1");
  for (int i = 0; i < 3; ++i) metrics.OnJobAdmitted("m");
  metrics.OnQueuedWork("m", 3, 300);
  metrics.OnQueuedWork("n", 2, 200);
  metrics.OnJobStarted("m", absl::Milliseconds(20));
  metrics.OnJobStarted("m", absl::Milliseconds(20));
  metrics.OnQueuedWork("m", 1, 100);
  metrics.OnJobEnded("m", JobState::kRunning, JobState::kCompleted, absl::Seconds(3));
  metrics.OnJobRefused("QUEUE_FULL");
  std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_jobs{model=\"m\",state=\"queued\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_jobs{model=\"m\",state=\"running\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_jobs_admitted_total{model=\"m\"} 3"));
  EXPECT_THAT(page, HasSubstr("latentd_jobs_refused_total{reason=\"QUEUE_FULL\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_jobs_ended_total{model=\"m\",state=\"completed\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_queue_wait_seconds_count{model=\"m\"} 2"));
  EXPECT_THAT(page, HasSubstr("latentd_job_duration_seconds_sum{model=\"m\",state=\"completed\"} 3"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_queue_depth 3"));
  metrics.OnJobEnded("m", JobState::kQueued, JobState::kCancelled, absl::Seconds(3));
  metrics.OnQueuedWork("m", 0, 0);
  metrics.OnQueuedWork("n", 0, 0);
  metrics.OnJobRequeued("m");
  page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_jobs{model=\"m\",state=\"queued\"} 0"));
  EXPECT_THAT(page, HasSubstr("latentd_jobs{model=\"m\",state=\"running\"} 0"));
  EXPECT_THAT(page, HasSubstr("\nlatentd_queue_depth 0"));
}

TEST(PrometheusMetrics, QueuedWorkIsTheLatestOfEachModel) {
  PrometheusMetrics metrics("1");
  metrics.OnQueuedWork("m", 1, 4096);
  metrics.OnQueuedWork("n", 1, 1024);
  metrics.OnQueuedWork("m", 0, 0);
  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_queued_pixel_steps{model=\"m\"} 0"));
  EXPECT_THAT(page, HasSubstr("latentd_queued_pixel_steps{model=\"n\"} 1024"));
}

TEST(PrometheusMetrics, LimitsThatThereAreAreShown) {
  PrometheusMetrics metrics("1");
  metrics.SetLimits({.queued_jobs = 10, .batch_rows = 8, .adapter_bytes = 30, .blob_bytes = 40, .process_bytes = 50});
  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_queue_depth_limit 10"));
  EXPECT_THAT(page, HasSubstr("latentd_batch_rows_limit 8"));
  EXPECT_THAT(page, Not(HasSubstr("latentd_device_weights_limit_bytes")));
  EXPECT_THAT(page, HasSubstr("latentd_adapter_limit_bytes 30"));
  EXPECT_THAT(page, HasSubstr("latentd_blob_limit_bytes 40"));
  EXPECT_THAT(page, HasSubstr("latentd_process_memory_limit_bytes 50"));
}

TEST(PrometheusMetrics, ReadyAndStuckAreToldApart) {
  PrometheusMetrics metrics("1");
  metrics.SetReady(true);
  metrics.SetEngineStuck(true);
  metrics.SetJobStoreUp(true);
  EXPECT_THAT(Page(metrics), HasSubstr("\nlatentd_ready 1"));
  EXPECT_THAT(Page(metrics), HasSubstr("\nlatentd_engine_stuck 1"));
  EXPECT_THAT(Page(metrics), HasSubstr("\nlatentd_job_store_up 1"));
  metrics.SetReady(false);
  metrics.SetEngineStuck(false);
  EXPECT_THAT(Page(metrics), HasSubstr("\nlatentd_ready 0"));
  EXPECT_THAT(Page(metrics), HasSubstr("\nlatentd_engine_stuck 0"));
}

TEST(PrometheusMetrics, AForwardCountsItsRowsLanesAndPixels) {
  PrometheusMetrics metrics("1");
  metrics.OnStageRun({.stage = core::Stage::kPredict,
                      .model = "m",
                      .rows = 3,
                      .lanes = 5,
                      .pixels = 5 * 64 * 64,
                      .time = absl::Milliseconds(250)});
  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_batch_rows_sum{model=\"m\"} 3"));
  EXPECT_THAT(page, HasSubstr("latentd_batch_lanes_sum{model=\"m\"} 5"));
  EXPECT_THAT(page, HasSubstr("latentd_stage_duration_seconds_sum{model=\"m\",stage=\"predict\"} 0.25"));
  EXPECT_THAT(page, HasSubstr("latentd_forwards_total{model=\"m\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_evaluations_total{model=\"m\"} 3"));
  EXPECT_THAT(page, HasSubstr("latentd_pixel_steps_total{model=\"m\"} 20480"));
}

TEST(PrometheusMetrics, OtherStagesCountTheirTimeOnly) {
  PrometheusMetrics metrics("1");
  for (const core::Stage stage : {core::Stage::kEncode, core::Stage::kDecode}) {
    metrics.OnStageRun({.stage = stage, .model = "m", .rows = 1, .lanes = 1, .pixels = 9, .time = absl::Seconds(1)});
  }
  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_stage_duration_seconds_count{model=\"m\",stage=\"encode\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_stage_duration_seconds_count{model=\"m\",stage=\"decode\"} 1"));
  EXPECT_THAT(page, Not(HasSubstr("latentd_forwards_total{")));
}

TEST(PrometheusMetrics, TheRestIsCountedToo) {
  PrometheusMetrics metrics("1");
  metrics.OnImage("m");
  metrics.OnEncodeCache(true);
  metrics.OnEncodeCache(false);
  metrics.OnEncodeCache(false);
  metrics.OnAdapters({.loaded = 1, .evicted = 0, .bytes = 50});
  metrics.OnAdapters({.loaded = 0, .evicted = 2, .bytes = 30});
  metrics.OnDeviceMemory(100, 200);
  metrics.SetOpenStreams(7);
  metrics.SetBlobs({.blobs = 2, .bytes = 300, .uploads = 3, .upload_bytes = 400});
  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("latentd_images_total{model=\"m\"} 1"));
  EXPECT_THAT(page, HasSubstr("latentd_encode_cache_hits_total 1"));
  EXPECT_THAT(page, HasSubstr("latentd_encode_cache_misses_total 2"));
  EXPECT_THAT(page, HasSubstr("latentd_adapter_loads_total 1"));
  EXPECT_THAT(page, HasSubstr("latentd_adapter_evictions_total 2"));
  EXPECT_THAT(page, HasSubstr("latentd_adapter_bytes 30"));
  EXPECT_THAT(page, HasSubstr("latentd_device_weights_bytes 100"));
  EXPECT_THAT(page, HasSubstr("latentd_device_memory_bytes 200"));
  EXPECT_THAT(page, HasSubstr("latentd_open_streams 7"));
  EXPECT_THAT(page, HasSubstr("latentd_blobs 2"));
  EXPECT_THAT(page, HasSubstr("latentd_blob_bytes 300"));
  EXPECT_THAT(page, HasSubstr("latentd_blob_uploads 3"));
  EXPECT_THAT(page, HasSubstr("latentd_blob_upload_bytes 400"));
}

}  // namespace
}  // namespace latentd::metrics
