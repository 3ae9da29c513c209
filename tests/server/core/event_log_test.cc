#include "server/core/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1000);

Blob Bytes(size_t size) { return std::make_shared<const std::string>(size, 'x'); }

Progress Step(int output, int step) { return {.output_index = output, .step = step, .total_steps = 50}; }

Progress StepWithPreview(int output, int step, size_t bytes) {
  Progress progress = Step(output, step);
  progress.preview = ImagePreview{.data = Bytes(bytes)};
  return progress;
}

// The log as a reader sees it who comes after `place`, in short: "1 queued 3", "7 progress 0:12+", "9 chunk 0:0+5".
std::vector<std::string> Read(const EventLog& log, int64_t place = 0) {
  struct Name {
    std::string operator()(const Queued& e) { return absl::StrCat("queued ", e.position); }
    std::string operator()(const Started&) { return "started"; }
    std::string operator()(const Requeued&) { return "requeued"; }
    std::string operator()(const Progress& e) {
      return absl::StrCat("progress ", e.output_index, ":", e.step, e.preview.has_value() ? "+" : "");
    }
    std::string operator()(const Output& e) { return absl::StrCat("output ", e.index); }
    std::string operator()(const OutputChunk& e) { return absl::StrCat("chunk ", e.index, ":", e.offset, "+", e.size); }
    std::string operator()(const Completed&) { return "completed"; }
    std::string operator()(const Failed&) { return "failed"; }
    std::string operator()(const Cancelled&) { return "cancelled"; }
  };
  std::vector<std::string> read;
  for (const Event* event = log.After(place); event != nullptr; event = log.After(event->sequence)) {
    read.push_back(absl::StrCat(event->sequence, " ", std::visit(Name(), event->kind)));
  }
  return read;
}

TEST(EventLogTest, EventsAreNumberedFromOneAndTimed) {
  EventLog log;
  EXPECT_EQ(log.After(0), nullptr);
  log.Append(kNow, Queued{});
  log.Append(kNow + absl::Seconds(1), Started{});
  EXPECT_THAT(Read(log), ElementsAre("1 queued 0", "2 started"));
  EXPECT_EQ(log.After(1)->time, kNow + absl::Seconds(1));
  EXPECT_EQ(log.last_sequence(), 2);
}

TEST(EventLogTest, ReaderGoesOnAfterItsPlace) {
  EventLog log;
  log.Append(kNow, Queued{});
  log.Append(kNow, Started{});
  log.Append(kNow, Completed{});
  EXPECT_THAT(Read(log, 1), ElementsAre("2 started", "3 completed"));
  EXPECT_THAT(Read(log, 3), ElementsAre());
  EXPECT_THAT(Read(log, 99), ElementsAre());
}

TEST(EventLogTest, OnlyTheNewestProgressOfEachOutputStays) {
  EventLog log;
  log.Append(kNow, Started{});
  for (int step = 1; step <= 3; ++step) {
    log.Append(kNow, Step(0, step));
    log.Append(kNow, Step(1, step));
  }
  EXPECT_THAT(Read(log), ElementsAre("1 started", "6 progress 0:3", "7 progress 1:3"));
}

TEST(EventLogTest, NewestPreviewStaysBesideNewerProgress) {
  EventLog log;
  log.Append(kNow, StepWithPreview(0, 1, 10));
  log.Append(kNow, Step(0, 2));
  log.Append(kNow, Step(0, 3));
  EXPECT_THAT(Read(log), ElementsAre("1 progress 0:1+", "3 progress 0:3"));
  log.Append(kNow, StepWithPreview(0, 4, 20));
  EXPECT_THAT(Read(log), ElementsAre("4 progress 0:4+"));
  log.Append(kNow, StepWithPreview(0, 5, 30));
  EXPECT_THAT(Read(log), ElementsAre("5 progress 0:5+"));
  EXPECT_EQ(log.preview_bytes(), 30);
}

TEST(EventLogTest, FirstQueuedStaysAndOfTheOthersTheNewest) {
  EventLog log;
  for (int position = 5; position >= 0; --position) log.Append(kNow, Queued{.position = position});
  log.Append(kNow, Started{});
  EXPECT_THAT(Read(log), ElementsAre("1 queued 5", "6 queued 0", "7 started"));
}

TEST(EventLogTest, OutputIsFollowedByItsBytesInPieces) {
  EventLog log;
  const Blob data = Bytes(2 * EventLog::kChunkBytes + 5);
  log.Append(kNow, Output{.index = 3, .data = data});
  EXPECT_THAT(Read(log),
              ElementsAre("1 output 3", "2 chunk 3:0+1048576", "3 chunk 3:1048576+1048576", "4 chunk 3:2097152+5"));
  EXPECT_EQ(std::get<OutputChunk>(log.After(1)->kind).data, data) << "shared, not copied";
  EXPECT_EQ(log.output_bytes(), 2 * EventLog::kChunkBytes + 5);
  EXPECT_EQ(log.last_sequence(), 4);
}

TEST(EventLogTest, OutputOfOneWholePieceHasOneChunk) {
  EventLog log;
  log.Append(kNow, Output{.index = 0, .data = Bytes(EventLog::kChunkBytes)});
  EXPECT_THAT(Read(log), ElementsAre("1 output 0", "2 chunk 0:0+1048576"));
}

TEST(EventLogTest, OutputThatFailedHasNoPieces) {
  EventLog log;
  log.Append(kNow, Output{.index = 0, .state = OutputState::kFailed});
  EXPECT_THAT(Read(log), ElementsAre("1 output 0"));
}

TEST(EventLogTest, NothingFollowsATerminalEvent) {
  for (const EventKind& terminal : std::vector<EventKind>{Completed{}, Failed{}, Cancelled{}}) {
    EventLog log;
    log.Append(kNow, terminal);
    EXPECT_TRUE(log.ended());
    log.Append(kNow, Step(0, 1));
    log.Append(kNow, Completed{});
    EXPECT_EQ(Read(log).size(), 1);
    EXPECT_EQ(log.last_sequence(), 1);
  }
}

TEST(EventLogTest, StaysSmallHoweverLongTheJob) {
  EventLog log;
  for (int step = 0; step < 10'000; ++step) {
    log.Append(kNow, Queued{.position = step});
    log.Append(kNow, StepWithPreview(0, step, 100));
    log.Append(kNow, Step(0, step));
  }
  EXPECT_EQ(Read(log).size(), 4);
  EXPECT_EQ(log.preview_bytes(), 100);
  EXPECT_EQ(log.last_sequence(), 30'000);
}

}  // namespace
}  // namespace latentd::core
