#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli/latentctl_test_base.h"
#include "tests/client/semaphore.h"

namespace latentd::cli {
namespace {

using client::Semaphore;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kSecondScreen[] = "\x1b[?1049h";
constexpr char kFirstScreen[] = "\x1b[?1049l";

class TopCommandTest : public LatentctlTest {
 protected:
  ~TopCommandTest() override { ::unsetenv("NO_COLOR"); }

  // On a terminal; ended by `end` after the first look.
  template <typename End>
  Finished OnTerminal(const End& end) {
    Semaphore looked;
    server_.stats = [&](v1::Stats&) {
      looked.release();
      return grpc::Status::OK;
    };
    Process process({"top", "--server", server_.address() + ",127.0.0.1:1", "--interval", "3600"},
                    Process::Output::kTerminal);
    looked.acquire();
    end(process);
    Finished finished = process.Wait();
    server_.stats = nullptr;
    return finished;
  }
};

TEST_F(TopCommandTest, APipeGetsALineForEachSample) {
  const Finished finished = RunLatentctl(With("top", {"--samples", "2", "--interval", "0.1"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, StartsWith("20"));
  EXPECT_THAT(finished.out,
              HasSubstr("Z  1 of 1 serving  3 queued  2 running  0 rows  0.0 rows/step  1.25 images/s\n"));
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n'), 2);
  EXPECT_THAT(finished.out, Not(HasSubstr("\x1b")));
}

TEST_F(TopCommandTest, SeveralServersAreAskedAndOneMayBeAway) {
  const client::FakeServer other;
  const Finished finished = RunLatentctl(With("top", {"--server", other.address() + ",127.0.0.1:1", "--samples", "1"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("2 of 3 serving  6 queued"));
  EXPECT_THAT(finished.out, EndsWith("  127.0.0.1:1 away\n"));
}

TEST_F(TopCommandTest, WithJsonEachSampleIsAnObject) {
  const Finished finished = RunLatentctl(With("top", {"--json", "--server", "127.0.0.1:1", "--samples", "1"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  const auto json = nlohmann::json::parse(finished.out);
  EXPECT_EQ(json["replicas"][0]["server"], server_.address());
  EXPECT_EQ(json["replicas"][0]["stats"]["queuedJobs"], 3);
  EXPECT_EQ(json["replicas"][1]["error"]["code"], 14);
}

TEST_F(TopCommandTest, ExitsWith5WhenNobodyAnswers) {
  EXPECT_EQ(RunLatentctl({"top", "--server", "127.0.0.1:1", "--samples", "1"}).code, 5);
}

TEST_F(TopCommandTest, QEndsItAndTheTerminalIsAsBefore) {
  const Finished finished = OnTerminal([](Process& process) { process.Type("~q"); });
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, StartsWith(kSecondScreen));
  const size_t back = finished.out.find(kFirstScreen);
  ASSERT_NE(back, std::string::npos) << finished.out;
  EXPECT_THAT(finished.out.substr(0, back), HasSubstr("\x1b[?25h")) << "the cursor is shown again";
  EXPECT_THAT(finished.out, Not(HasSubstr("~"))) << "keys are not shown";
}

TEST_F(TopCommandTest, CtrlCEndsItWith130AndTheTerminalIsAsBefore) {
  const Finished finished = OnTerminal([](Process& process) { process.Signal(SIGINT); });
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr(kFirstScreen));
}

TEST_F(TopCommandTest, ATerminalGetsTheTableInColours) {
  const Finished finished =
      Process({"top", "--server", server_.address() + ",127.0.0.1:1", "--samples", "1"}, Process::Output::kTerminal)
          .Wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("\x1b[31m127.0.0.1:1 "));
  EXPECT_THAT(finished.out, HasSubstr("127.0.0.1:1 is away for "));
}

TEST_F(TopCommandTest, NoColorIsHonoured) {
  ::setenv("NO_COLOR", "1", 1);
  const Finished finished =
      Process({"top", "--server", server_.address() + ",127.0.0.1:1", "--samples", "1"}, Process::Output::kTerminal)
          .Wait();
  EXPECT_THAT(finished.out, HasSubstr("127.0.0.1:1 "));
  EXPECT_THAT(finished.out, Not(HasSubstr("m127.0.0.1:1")));
}

}  // namespace
}  // namespace latentd::cli
