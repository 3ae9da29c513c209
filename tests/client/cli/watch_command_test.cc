#include <csignal>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/client/cli/latentctl_test_base.h"
#include "tests/client/semaphore.h"

namespace latentd::cli {
namespace {

using client::Announce;
using client::Chunk;
using client::History;
using client::MakeEvent;
using client::Play;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class WatchCommandTest : public LatentctlTest {
 protected:
  WatchCommandTest() {
    v1::Job& job = server_.jobs.emplace_back();
    job.set_name("jobs/1");
    job.mutable_spec()->set_num_images(1);
    job.mutable_spec()->mutable_output()->set_format(v1::IMAGE_FORMAT_PNG);
  }
};

TEST_F(WatchCommandTest, WritesThePictureOfADetachedJob) {
  server_.watch = {Play(History("a picture"))};
  // "jobs/" may be left out.
  const Finished finished = RunLatentctl(With("watch", {"1", "--out", Path("x.png")}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(Contents("x.png"), "a picture");
}

TEST_F(WatchCommandTest, WithoutOutItOnlyTells) {
  server_.watch = {Play(History("a picture"))};
  const Finished finished = RunLatentctl(With("watch", {"jobs/1"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("output: image 0"));
  EXPECT_THAT(Files(), ElementsAre());
}

TEST_F(WatchCommandTest, AfterPassesOverEventsButNotOverPictures) {
  server_.jobs[0].mutable_spec()->set_num_images(2);
  for (int i = 0; i < 2; ++i) {
    v1::Output& output = *server_.jobs[0].add_outputs();
    output.set_index(i);
    output.set_state(v1::Output::STATE_OK);
  }
  server_.output = "missed";
  std::vector<v1::Event> history = {Announce(1, 0, "missed"), Chunk(2, 0, 0, "missed"), Announce(3, 1, "seen"),
                                    Chunk(4, 1, 0, "seen"), MakeEvent(5)};
  history[4].mutable_completed();
  server_.watch = {Play(history)};
  const Finished finished = RunLatentctl(With("watch", {"jobs/1", "--after", "2", "--out", Path("x.png")}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(Files(), UnorderedElementsAre("x-0.png", "x-1.png"));
  EXPECT_EQ(Contents("x-0.png"), "missed");
  EXPECT_EQ(Contents("x-1.png"), "seen");
}

TEST_F(WatchCommandTest, AnExtensionThatTheJobDoesNotMakeIsAUsageError) {
  const Finished finished = RunLatentctl(With("watch", {"jobs/1", "--out", Path("x.jpg")}));
  EXPECT_EQ(finished.code, 2);
  EXPECT_EQ(finished.err, absl::StrCat("error: --out ", Path("x.jpg"), ": jobs/1 makes PNG files\n"));
}

TEST_F(WatchCommandTest, AJobThatIsNotThereExitsWith3) {
  const Finished finished = RunLatentctl(With("watch", {"jobs/9"}));
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(finished.err, "error: jobs/9 is not known here\n");
}

TEST_F(WatchCommandTest, CtrlCLeavesTheJobRunningAndSaysHowToGoOn) {
  client::Semaphore sent;
  const auto end = std::make_shared<client::Semaphore>();  // the handler may outlive this function
  server_.watch = {[&sent, end](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>&) {
    sent.release();
    end->acquire();
    return grpc::Status::OK;
  }};
  Process process(With("watch", {"jobs/1", "--after", "0"}));
  sent.acquire();
  process.Signal(SIGINT);
  const Finished finished = process.Wait();
  end->release();
  EXPECT_EQ(finished.code, 130);
  EXPECT_EQ(finished.err, "the job goes on: latentctl watch jobs/1 --after 0\n");
  EXPECT_TRUE(server_.cancelled().empty());
}

}  // namespace
}  // namespace latentd::cli
