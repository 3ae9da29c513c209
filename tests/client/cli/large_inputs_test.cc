#include "client/cli/large_inputs.h"

#include <fstream>

#include "client/cpp/sha256.h"
#include "gmock/gmock.h"
#include "tests/client/cli/latentctl_test_base.h"

namespace latentd::cli {
namespace {

using client::ServerError;
using client::Sha256Hex;
using testing::HasSubstr;

grpc::Status NoBlob() { return ServerError(grpc::StatusCode::NOT_FOUND, "there is no such blob", "BLOB_NOT_FOUND"); }

TEST(LargeInputs, TakeThePlaceOfLargePicturesWhereverTheyAre) {
  const std::string large(LargeInputs::kMaxInlineBytes + 1, 'x');
  const std::string small(LargeInputs::kMaxInlineBytes, 'x');
  v1::GenerationSpec spec;
  spec.mutable_inpaint()->mutable_image()->set_data(large);
  spec.mutable_inpaint()->mutable_image()->set_fit(v1::InputImage::FIT_CROP);
  spec.mutable_inpaint()->mutable_mask()->set_data(small);
  spec.add_controls()->mutable_image()->set_data(small);
  spec.add_controls()->mutable_image()->set_data(large);
  const LargeInputs inputs(spec);
  EXPECT_EQ(spec.inpaint().image().blob_sha256(), Sha256Hex(large));
  EXPECT_EQ(spec.inpaint().image().fit(), v1::InputImage::FIT_CROP);
  EXPECT_EQ(spec.inpaint().mask().data(), small);
  EXPECT_EQ(spec.controls(0).image().data(), small);
  EXPECT_EQ(spec.controls(1).image().blob_sha256(), Sha256Hex(large));
}

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
                        return NoBlob();
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

TEST_F(LargeInputsTest, ABlobThatIsForgottenAgainIsAnError) {
  server_.create = {[&](auto&, auto&, auto&) { return NoBlob(); }};
  const Finished finished = RunLatentctl(Inpaint());
  EXPECT_EQ(finished.code, 3);
  EXPECT_THAT(finished.err, HasSubstr("there is no such blob"));
  EXPECT_EQ(server_.create_requests().size(), 2u);
}

TEST_F(LargeInputsTest, OtherErrorsAreNotTriedAgain) {
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::NOT_FOUND, "no such model", "MODEL_NOT_FOUND");
  }};
  EXPECT_EQ(RunLatentctl(Inpaint()).code, 3);
  EXPECT_EQ(server_.create_requests().size(), 1u);
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
