// Large pictures of latentctl: sent ahead by the library.

#include <fstream>

#include "client/cpp/sha256.h"
#include "gtest/gtest.h"
#include "tests/client/cli/latentctl_test_base.h"

namespace latentd::cli {
namespace {

using client::ServerError;
using client::Sha256Hex;

class LargeInputsTest : public LatentctlTest {
 protected:
  LargeInputsTest() {
    std::ofstream(Path("large.png"), std::ios::binary) << large_;
    std::ofstream(Path("small.png"), std::ios::binary) << "small";
  }

  std::vector<std::string> Inpaint(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = Generate({"--init-image", Path("large.png"), "--mask", Path("small.png")});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  const std::string large_ = std::string(3 << 20, 'y') + "end";
};

TEST_F(LargeInputsTest, ALargePictureGoesAheadAndASmallOneAlong) {
  const Finished finished = RunLatentctl(Inpaint());
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(server_.blobs.at(Sha256Hex(large_)), large_);
  EXPECT_EQ(server_.blobs.size(), 1u);
  ASSERT_EQ(server_.create_requests().size(), 1u);
  EXPECT_EQ(server_.create_requests()[0].spec().inpaint().image().blob_sha256(), Sha256Hex(large_));
  EXPECT_EQ(server_.create_requests()[0].spec().inpaint().mask().data(), "small");

  const size_t before = server_.put_requests().size();
  EXPECT_EQ(RunLatentctl(Inpaint()).code, 0);
  ASSERT_EQ(server_.put_requests().size(), before + 1) << "it was there";
  EXPECT_EQ(server_.put_requests().back().data(), "");
}

TEST_F(LargeInputsTest, ABlobThatWasForgottenInBetweenIsSentOnceMore) {
  for (const bool detach : {false, true}) {
    server_.create = {[&](auto&, auto&, auto&) {
                        server_.blobs.clear();
                        return ServerError(grpc::StatusCode::NOT_FOUND, "there is no such blob", "BLOB_NOT_FOUND");
                      },
                      [&](auto&, auto&, auto&) { return grpc::Status::OK; }};
    const std::vector<std::string> detached = {"--model",         "m",       "--prompt", "p", "--init-image",
                                               Path("large.png"), "--detach"};
    const Finished finished = RunLatentctl(detach ? With("generate", detached) : Inpaint());
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    EXPECT_EQ(server_.blobs.at(Sha256Hex(large_)), large_);
  }
  EXPECT_EQ(server_.create_requests().size(), 4u);
}

TEST_F(LargeInputsTest, ABlobThatIsRefusedEndsItWithoutAJob) {
  server_.put = {
      [](auto&, auto&) { return ServerError(grpc::StatusCode::RESOURCE_EXHAUSTED, "there is no room", "BLOBS_FULL"); }};
  const Finished finished = RunLatentctl(Inpaint());
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(finished.err, "error: there is no room\n");
  EXPECT_TRUE(server_.create_requests().empty());
}

}  // namespace
}  // namespace latentd::cli
