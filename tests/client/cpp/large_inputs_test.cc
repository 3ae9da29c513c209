#include "client/cpp/large_inputs.h"

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace latentd::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LargeInputs, TakeThePlaceOfLargePicturesWhereverTheyAre) {
  const std::string large(kMaxInlineBytes + 1, 'x');
  const std::string small(kMaxInlineBytes, 'x');
  v1::GenerationSpec spec;
  spec.mutable_inpaint()->mutable_image()->set_data(large);
  spec.mutable_inpaint()->mutable_image()->set_fit(v1::InputImage::FIT_CROP);
  spec.mutable_inpaint()->mutable_mask()->set_data(small);
  spec.add_controls()->mutable_image()->set_data(small);
  spec.add_controls()->mutable_image()->set_data(large);
  EXPECT_THAT(TakeLargeInputs(spec), ElementsAre(large, large));
  EXPECT_EQ(spec.inpaint().image().blob_sha256(), Sha256Hex(large));
  EXPECT_EQ(spec.inpaint().image().fit(), v1::InputImage::FIT_CROP);
  EXPECT_EQ(spec.inpaint().mask().data(), small);
  EXPECT_EQ(spec.controls(0).image().data(), small);
  EXPECT_EQ(spec.controls(1).image().blob_sha256(), Sha256Hex(large));
}

TEST(LargeInputs, AreTheLargestOfManyUntilTheRestFitsIntoAMessage) {
  v1::GenerationSpec spec;
  spec.mutable_image_to_image()->mutable_image()->set_data(std::string(800'000, 'i'));
  for (int i = 0; i < 8; ++i) {
    spec.add_controls()->mutable_image()->set_data(
        std::string(i == 5 ? 1'000'000 : 950'000, static_cast<char>('0' + i)));
  }
  EXPECT_THAT(TakeLargeInputs(spec), ElementsAre(std::string(1'000'000, '5'), std::string(950'000, '0')));
  EXPECT_LE(spec.ByteSizeLong(), kMaxSpecBytes);
  EXPECT_THAT(TakeLargeInputs(spec), IsEmpty());
}

TEST(LargeInputs, AreNotWhatIsNoPicture) {
  v1::GenerationSpec spec;
  spec.set_prompt(std::string(kMaxSpecBytes, 'x'));
  spec.mutable_image_to_image()->mutable_image()->set_blob_sha256("a hash");
  EXPECT_THAT(TakeLargeInputs(spec), IsEmpty());
}

grpc::Status NoBlob() { return ServerError(grpc::StatusCode::NOT_FOUND, "there is no such blob", "BLOB_NOT_FOUND"); }

// Both calls that make a job.
class LargeInputsTest : public testing::TestWithParam<bool> {
 protected:
  LargeInputsTest() {
    request_.mutable_spec()->mutable_image_to_image()->mutable_image()->set_data(large_);
    request_.mutable_spec()->add_controls()->mutable_image()->set_data("small");
  }

  absl::Status MakeJob() const {
    return GetParam() ? client_->Generate(request_.spec()).status() : client_->CreateJob(request_).status();
  }

  const std::string large_ = std::string(3 << 20, 'y') + "end";
  v1::CreateJobRequest request_;
  FakeServer server_;
  std::unique_ptr<Client> client_ = Client::Connect(server_.address());
};

INSTANTIATE_TEST_SUITE_P(BothCalls, LargeInputsTest, testing::Bool(),
                         [](const auto& call) { return call.param ? "Generate" : "CreateJob"; });

TEST_P(LargeInputsTest, GoAheadAndSmallOnesAlong) {
  ASSERT_TRUE(MakeJob().ok());
  EXPECT_EQ(server_.blobs.at(Sha256Hex(large_)), large_);
  EXPECT_EQ(server_.blobs.size(), 1u);
  ASSERT_EQ(server_.create_requests().size(), 1u);
  const v1::GenerationSpec sent = server_.create_requests()[0].spec();
  EXPECT_EQ(sent.image_to_image().image().blob_sha256(), Sha256Hex(large_));
  EXPECT_EQ(sent.controls(0).image().data(), "small");
}

TEST_P(LargeInputsTest, ThatWereForgottenInBetweenAreSentOnceMore) {
  server_.create = {[&](auto&, auto&, auto&) {
                      server_.blobs.clear();
                      return NoBlob();
                    },
                    [](auto&, auto&, auto&) { return grpc::Status::OK; }};
  EXPECT_TRUE(MakeJob().ok());
  EXPECT_EQ(server_.blobs.at(Sha256Hex(large_)), large_);
  EXPECT_EQ(server_.create_requests().size(), 2u);
}

TEST_P(LargeInputsTest, ThatAreForgottenAgainAreAnError) {
  server_.create = {[](auto&, auto&, auto&) { return NoBlob(); }};
  EXPECT_EQ(GetErrorDetails(MakeJob()).info.reason(), "BLOB_NOT_FOUND");
  EXPECT_EQ(server_.create_requests().size(), 2u);
}

TEST_P(LargeInputsTest, AreNotSentAgainAfterOtherErrors) {
  server_.create = {
      [](auto&, auto&, auto&) { return ServerError(grpc::StatusCode::NOT_FOUND, "no such model", "MODEL_NOT_FOUND"); }};
  EXPECT_TRUE(absl::IsNotFound(MakeJob()));
  EXPECT_EQ(server_.create_requests().size(), 1u);
}

TEST_P(LargeInputsTest, ThatAreStoppedOnTheirWayMakeNoJob) {
  server_.put = {[](auto&, auto&) { return grpc::Status(grpc::StatusCode::CANCELLED, "stopped"); }};
  EXPECT_TRUE(absl::IsCancelled(MakeJob()));
  EXPECT_TRUE(server_.create_requests().empty());
}

}  // namespace
}  // namespace latentd::client
