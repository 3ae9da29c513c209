#include "client/cli/progress_bar.h"

#include "client/cli/text.h"
#include "client/cpp/proto_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace latentd::cli {
namespace {

v1::Event At(int second) {
  v1::Event event;
  event.mutable_time()->set_seconds(second);
  return event;
}

v1::Event Started(int second) {
  v1::Event event = At(second);
  event.mutable_started();
  return event;
}

v1::Event Progress(int second, int image, int step, int eta) {
  v1::Event event = At(second);
  event.mutable_progress()->set_output_index(image);
  event.mutable_progress()->set_step(step);
  event.mutable_progress()->set_total_steps(10);
  event.mutable_progress()->mutable_eta()->set_seconds(eta);
  return event;
}

v1::Event Ready(int second, int image) {
  v1::Event event = At(second);
  event.mutable_output()->set_index(image);
  return event;
}

TEST(ProgressBarTest, IsEmptyBeforeTheFirstEventAndAfterTheLast) {
  ProgressBar bar(1);
  EXPECT_EQ(bar.Render(80), "");
  bar.Update(Started(0));
  EXPECT_EQ(bar.Render(80), "[--------------------] 0%  step -");
  v1::Event completed = At(1);
  completed.mutable_completed();
  bar.Update(completed);
  EXPECT_EQ(bar.Render(80), "");
}

TEST(ProgressBarTest, AQueuedJobShowsItsPlace) {
  ProgressBar bar(1);
  v1::Event queued = At(0);
  queued.mutable_queued()->set_position(1);
  bar.Update(queued);
  EXPECT_EQ(bar.Render(80), "queued: 1 job before it");
}

TEST(ProgressBarTest, OneImageShowsItsStepTheTimeLeftAndTheRate) {
  ProgressBar bar(1);
  bar.Update(Started(10));
  bar.Update(Progress(12, 0, 5, 3));
  EXPECT_EQ(bar.Render(80), "[##########----------] 50%  step 5/10  3.0s left  0.25 images/s");
}

TEST(ProgressBarTest, SeveralImagesInFlightShowEachOnes) {
  ProgressBar bar(4);
  bar.Update(Started(0));
  bar.Update(Progress(1, 0, 10, 0));
  bar.Update(Ready(2, 0));
  bar.Update(Progress(2, 1, 6, 2));
  bar.Update(Progress(2, 2, 4, 5));
  EXPECT_EQ(bar.Render(80), "[##########----------] 50%  0:ready 1:6/10 2:4/10 3:-  5.0s left  1 images/s");
}

TEST(ProgressBarTest, ImagesThatHaveNoRoomAreCounted) {
  ProgressBar bar(64);
  bar.Update(Started(0));
  bar.Update(Ready(2, 0));
  EXPECT_EQ(bar.Render(80), "[--------------------] 2%  1 of 64 ready  0.5 images/s");
  EXPECT_EQ(bar.Render(10), "[---------");
}

TEST(TextTest, DurationsAreShort) {
  EXPECT_EQ(DurationText(absl::Milliseconds(420)), "0.4s");
  EXPECT_EQ(DurationText(absl::Seconds(12.4)), "12s");
  EXPECT_EQ(DurationText(absl::Seconds(200)), "3m 20s");
  EXPECT_EQ(DurationText(absl::Minutes(125)), "2h 5m");
  EXPECT_EQ(DurationText(-absl::Seconds(1)), "0.0s");
}

TEST(TextTest, SizesAreShort) {
  EXPECT_EQ(SizeText(999), "999 bytes");
  EXPECT_EQ(SizeText(3'100), "3.1 kB");
  EXPECT_EQ(SizeText(999'990), "1.0 MB");
  EXPECT_EQ(SizeText(1'700'000'000), "1.7 GB");
}

TEST(TextTest, StatesAreWords) { EXPECT_EQ(StateText("STATE_QUEUED"), "queued"); }

TEST(TextTest, TablesAreAligned) { EXPECT_EQ(TableText({{"A", "BB"}, {"ccc", "d"}, {"e"}}), "A    BB\nccc  d\ne\n"); }

}  // namespace
}  // namespace latentd::cli
