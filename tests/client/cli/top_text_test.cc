#include "client/cli/top_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace latentd::cli {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::ResultOf;
using testing::SizeIs;
using testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

ReplicaSample Busy(const std::string& server, ReplicaState state = ReplicaState::kServing) {
  ReplicaSample sample{.server = server, .state = state, .forwards = 10, .rows = 79};
  sample.stats.set_queued_jobs(12);
  sample.stats.set_running_jobs(4);
  sample.stats.set_running_rows(8);
  sample.stats.set_images_per_second(1.25);
  sample.stats.set_evaluations_per_second(31.2);
  sample.stats.set_device("cuda:0");
  sample.stats.set_dtype("float16");
  sample.stats.mutable_uptime()->set_seconds(7500);
  return sample;
}

ReplicaSample Idle(const std::string& server) {
  ReplicaSample sample{.server = server, .state = ReplicaState::kServing, .forwards = 30, .rows = 30};
  sample.stats.set_device("cpu");
  sample.stats.set_dtype("float32");
  return sample;
}

ReplicaSample Away(const std::string& server) {
  return {
      .server = server, .error = absl::UnavailableError("Connection refused"), .away_since = kNow - absl::Seconds(12)};
}

TEST(TopScreenTest, HasALineForEachReplicaOneForAllAndSaysWhyOneIsAway) {
  EXPECT_THAT(
      TopScreen({Busy("gpu1:50051"), Away("gpu2:50051"), Idle("cpu:50051")}, kNow, {.columns = 100}, false),
      ElementsAre("latentctl top  2023-11-14T22:13:20Z  q ends", "",
                  "REPLICA     STATE      QUEUED  RUNNING  ROWS  ROWS/STEP  IMAGES/S  EVALS/S  DEVICE          UP",
                  "gpu1:50051  serving    12      4        8     7.9        1.25      31.2     cuda:0 float16  2h 5m",
                  "gpu2:50051  away",
                  "cpu:50051   serving    0       0        0     1.0        0.00      0.0      cpu float32     0.0s",
                  "all 3       2 serving  12      4        8     2.7        1.25      31.2", "",
                  "gpu2:50051 is away for 12s: Connection refused"));
}

TEST(TopScreenTest, OneReplicaNeedsNoSum) { EXPECT_THAT(TopScreen({Busy("a:1")}, kNow, {}, false), SizeIs(4)); }

TEST(TopScreenTest, NarrowTerminalsLoseTheLeastColumnsFirstAndThenTheEndsOfLines) {
  const std::vector<ReplicaSample> samples = {Busy("gpu1:50051"), Away("gpu2:50051")};
  EXPECT_EQ(TopScreen(samples, kNow, {.columns = 60}, false)[3],
            "gpu1:50051  serving    12      4        7.9        1.25");
  EXPECT_EQ(TopScreen(samples, kNow, {.columns = 30}, false)[3], "gpu1:50051  serving    12");
  for (const int columns : {60, 30, 10, 1}) {
    EXPECT_THAT(
        TopScreen(samples, kNow, {.columns = columns}, false),
        Each(ResultOf([](const std::string& line) { return static_cast<int>(line.size()); }, testing::Le(columns))));
  }
}

TEST(TopScreenTest, LowTerminalsCountWhatHasNoRoom) {
  std::vector<ReplicaSample> samples;
  samples.reserve(50);
  for (int i = 0; i < 50; ++i) samples.push_back(Idle(std::string("replica") + std::to_string(i)));
  const std::vector<std::string> lines = TopScreen(samples, kNow, {.lines = 10}, false);
  EXPECT_THAT(lines, SizeIs(10));
  EXPECT_EQ(lines.back(), "and 45 more lines");
}

TEST(TopScreenTest, ColoursWhatDoesNotServe) {
  const std::vector<std::string> lines =
      TopScreen({Idle("a:1"), Busy("b:1", ReplicaState::kDraining), Away("c:1")}, kNow, {}, true);
  EXPECT_THAT(lines[3], StartsWith("a:1 "));
  EXPECT_THAT(lines[4], StartsWith("\x1b[33mb:1 "));
  EXPECT_THAT(lines[4], HasSubstr("draining"));
  EXPECT_THAT(lines[4], EndsWith("\x1b[0m"));
  EXPECT_THAT(lines[5], StartsWith("\x1b[31mc:1 "));
}

TEST(TopScreenTest, WithoutColourThereAreNoSequences) {
  EXPECT_THAT(TopScreen({Away("a:1"), Busy("b:1", ReplicaState::kNotReady)}, kNow, {}, false),
              Each(Not(HasSubstr("\x1b"))));
}

TEST(TopLineTest, HasTheSumsAndWhoDoesNotServe) {
  EXPECT_EQ(TopLine({Busy("a:1"), Busy("b:1", ReplicaState::kNotReady), Away("c:1")}, kNow),
            "2023-11-14T22:13:20Z  1 of 3 serving  24 queued  8 running  16 rows  7.9 rows/step  2.50 images/s  "
            "b:1 not ready  c:1 away");
}

TEST(TopJsonTest, HasEachReplicasFiguresOrItsError) {
  const auto json = nlohmann::json::parse(TopJson({Busy("a:1"), Away("\"c\":1")}, kNow));
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(json["replicas"][0]["server"], "a:1");
  EXPECT_EQ(json["replicas"][0]["state"], "serving");
  EXPECT_EQ(json["replicas"][0]["rowsPerStep"], 7.9);
  EXPECT_EQ(json["replicas"][0]["stats"]["queuedJobs"], 12);
  EXPECT_EQ(json["replicas"][1]["server"], "\"c\":1");
  EXPECT_EQ(json["replicas"][1]["state"], "away");
  EXPECT_EQ(json["replicas"][1]["error"]["message"], "Connection refused");
  EXPECT_FALSE(json["replicas"][1].contains("stats"));
}

}  // namespace
}  // namespace latentd::cli
