#include "server/engine/publisher.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/core/test_requests.h"

namespace latentd::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Remembers what it was told, in short.
class FakeSink : public core::JobSink {
 public:
  void OnStarted(const core::Claim&, core::Started) override {}
  void OnProgress(const core::Claim&, core::Progress event) override {
    told.push_back(absl::StrCat("progress ", event.step, event.preview.has_value() ? " with preview" : ""));
  }
  void OnOutput(const core::Claim&, core::Output output) override {
    told.push_back(absl::StrCat("output ", output.index, output.state == core::OutputState::kOk ? "" : " failed"));
  }
  void OnUsage(const core::Claim&, core::Usage used) override { usage = used; }
  void OnCheckpoint(const core::Claim&, core::Checkpoint) override {}
  void OnHandedBack(const core::Claim&, std::string, core::Checkpoint) override {}
  void OnCompleted(const core::Claim&, core::Usage used) override {
    told.emplace_back("completed");
    usage = used;
  }
  void OnFailed(const core::Claim&, absl::Status status, core::Usage used) override {
    told.emplace_back("failed");
    error = std::move(status);
    usage = used;
  }

  std::vector<std::string> told;
  core::Usage usage;
  absl::Status error;
};

// A publisher whose one worker does nothing until Run, so that everything is handed over before.
class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    workers_->Submit([opened = opened_.get_future().share()] { opened.wait(); });
  }

  JobPublisher Make(int images) {
    core::RequestFields fields = core::TestFields();
    fields.num_images = images;
    return JobPublisher({.sink = &sink_, .observer = nullptr, .workers = workers_.get(), .software = "test"},
                        {.name = "jobs/1", .request = core::TestRequest(fields)});
  }

  void Run() {
    opened_.set_value();
    workers_ = nullptr;  // carries out everything
  }

  static at::Tensor Good() { return at::zeros({8, 8, 3}, at::kByte); }
  static at::Tensor Bad() { return at::zeros({8, 8, 3}, at::kFloat); }  // LibTorch throws
  static core::LatentPreview Latent() { return {.shape = {1, 1, 1}, .dtype = "float32", .data = {}}; }

  FakeSink sink_;
  std::promise<void> opened_;
  std::unique_ptr<WorkerPool> workers_ = std::make_unique<WorkerPool>(1);
};

TEST_F(PublisherTest, APictureThatCannotBeEncodedIsAFailedOutput) {
  JobPublisher publisher = Make(2);
  publisher.Picture(0, 7, Bad());
  publisher.Picture(1, 8, Good());
  publisher.Finished(absl::OkStatus(), {.evaluations = 5}, [] {});
  Run();
  EXPECT_THAT(sink_.told, ElementsAre("output 0 failed", "output 1", "completed"));
  EXPECT_EQ(sink_.usage.failed_outputs, 1);
  EXPECT_EQ(sink_.usage.evaluations, 5);
}

TEST_F(PublisherTest, AJobWhoseEveryOutputFailsHasFailedWithTheFirstError) {
  JobPublisher publisher = Make(2);
  publisher.FailedRow(1, 8, absl::InternalError("first"));
  publisher.Picture(0, 7, Bad());
  publisher.Finished(absl::OkStatus(), {}, [] {});
  Run();
  EXPECT_THAT(sink_.told, ElementsAre("output 1 failed", "output 0 failed", "failed"));
  EXPECT_EQ(sink_.error, absl::InternalError("first"));
  EXPECT_EQ(sink_.usage.failed_outputs, 2);
}

TEST_F(PublisherTest, AnErrorOfTheWholeJobFailsIt) {
  JobPublisher publisher = Make(1);
  publisher.Finished(absl::NotFoundError("no such model"), {.evaluations = 3}, [] {});
  Run();
  EXPECT_THAT(sink_.told, ElementsAre("failed"));
  EXPECT_EQ(sink_.usage.evaluations, 3);
}

TEST_F(PublisherTest, PreviewsThatWaitAreBoundedAndStepsAreAllTold) {
  JobPublisher publisher = Make(1);
  for (int step = 1; step <= 3; ++step) {
    publisher.Progress({.step = step, .preview = Latent()}, {});
  }
  publisher.Progress({.step = 4}, Good());
  Run();
  EXPECT_THAT(sink_.told,
              ElementsAre("progress 1 with preview", "progress 2 with preview", "progress 3", "progress 4"));
}

TEST_F(PublisherTest, APreviewThatCannotBeEncodedIsLeftOut) {
  JobPublisher publisher = Make(1);
  publisher.Progress({.step = 1}, Bad());
  publisher.Progress({.step = 2}, Good());
  Run();
  EXPECT_THAT(sink_.told, ElementsAre("progress 1", "progress 2 with preview"));
}

TEST_F(PublisherTest, NothingIsEncodedForAJobThatOthersEnded) {
  JobPublisher publisher = Make(1);
  publisher.Progress({.step = 1}, Good());
  publisher.Picture(0, 7, Good());
  publisher.Abandoned({.evaluations = 9});
  Run();
  EXPECT_THAT(sink_.told, IsEmpty());
  EXPECT_EQ(sink_.usage.evaluations, 9);
}

}  // namespace
}  // namespace latentd::engine
