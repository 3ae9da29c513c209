// Large inputs through the real program: sent in parts, referred to by hash, kept while they are needed.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/sha256.h"
#include "latentd/v1/blobs.grpc.pb.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Noise as a PNG, which compression makes no smaller.
std::string NoisePng(int edge, uint64_t seed) {
  cv::Mat picture(edge, edge, CV_8UC3);
  cv::RNG random(seed);
  random.fill(picture, cv::RNG::UNIFORM, 0, 256);
  std::vector<uchar> file;
  cv::imencode(".png", picture, file, {cv::IMWRITE_PNG_COMPRESSION, 0});
  return {file.begin(), file.end()};
}

class Blobs : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(const std::vector<std::string>& arguments) {
    server_ = ServerProcess::Start({.models = GoldenModels(), .arguments = arguments});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
    stub_ = v1::Blobs::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  grpc::Status PutPart(const std::string& sha256, const std::string& blob, size_t offset, size_t size,
                       v1::Blob* state) const {
    grpc::ClientContext context;
    v1::PutChunkRequest request;
    request.set_sha256(sha256);
    request.set_total_size(static_cast<int64_t>(blob.size()));
    request.set_offset(static_cast<int64_t>(offset));
    request.set_data(blob.substr(offset, size));
    return stub_->PutChunk(&context, request, state);
  }

  grpc::Status Get(const std::string& sha256, google::api::HttpBody* body) const {
    grpc::ClientContext context;
    v1::GetBlobRequest request;
    request.set_sha256(sha256);
    return stub_->Get(&context, request, body);
  }

  static v1::GenerationSpec FromPicture(int steps = 4) {
    v1::GenerationSpec spec;
    spec.set_model("tiny-v");
    spec.set_prompt("a red apple");
    spec.set_width(64);
    spec.set_height(40);
    spec.set_steps(steps);
    spec.set_seed(7);
    spec.mutable_image_to_image()->set_strength(0.5);
    return spec;
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<v1::Blobs::Stub> stub_;
};

TEST_F(Blobs, AJobByHashIsTheJobByData) {
  int cases = 0;
  for (const GoldenCase& golden : GoldenCases("pictures")) {
    v1::GenerationSpec by_hash = golden.spec;
    std::vector<v1::InputImage*> images;
    if (by_hash.has_image_to_image()) images = {by_hash.mutable_image_to_image()->mutable_image()};
    if (by_hash.has_inpaint()) {
      images = {by_hash.mutable_inpaint()->mutable_image(), by_hash.mutable_inpaint()->mutable_mask()};
    }
    if (by_hash.has_outpaint()) images = {by_hash.mutable_outpaint()->mutable_image()};
    for (v1::InputImage* image : images) {
      const auto sha256 = client_->PutBlob(image->data());
      ASSERT_TRUE(sha256.ok()) << sha256.status();
      image->set_blob_sha256(*sha256);
    }
    const auto expected = client_->Generate(golden.spec);
    const auto result = client_->Generate(by_hash);
    ASSERT_TRUE(expected.ok()) << golden.name << ": " << expected.status();
    ASSERT_TRUE(result.ok()) << golden.name << ": " << result.status();
    ASSERT_EQ(result->outputs.size(), expected->outputs.size());
    for (size_t i = 0; i < result->outputs.size(); ++i) {
      EXPECT_TRUE(result->outputs[i].data == expected->outputs[i].data) << golden.name << ", picture " << i;
    }
    cases += images.empty() ? 0 : 1;
  }
  EXPECT_GT(cases, 3);
}

TEST_F(Blobs, ABrokenUploadGoesOnWhereItsFirstGapIs) {
  const std::string blob = NoisePng(1024, 1);  // 3 MiB and a little
  const std::string sha256 = client::Sha256Hex(blob);
  v1::Blob state;
  ASSERT_TRUE(PutPart(sha256, blob, 0, 1'000'000, &state).ok());
  ASSERT_TRUE(PutPart(sha256, blob, 2'000'000, 700'000, &state).ok());
  EXPECT_EQ(state.received_size(), 1'000'000);
  EXPECT_FALSE(state.complete());
  google::api::HttpBody body;
  EXPECT_EQ(Get(sha256, &body).error_code(), grpc::StatusCode::NOT_FOUND);
  v1::GenerationSpec spec = FromPicture();
  spec.mutable_image_to_image()->mutable_image()->set_blob_sha256(sha256);
  const absl::Status early = client_->Generate(spec).status();
  EXPECT_EQ(early.code(), absl::StatusCode::kNotFound) << early;
  EXPECT_EQ(client::GetErrorDetails(early).info.reason(), "BLOB_NOT_FOUND");
  EXPECT_EQ(client::GetErrorDetails(early).resource.resource_name(), "blobs/" + sha256);
  EXPECT_THAT(std::string(early.message()), HasSubstr("spec.image_to_image.image.blob_sha256"));

  // Another connection, as after a loss.
  EXPECT_EQ(client::Client::Connect(server_->address())->PutBlob(blob).value(), sha256);
  ASSERT_TRUE(Get(sha256, &body).ok());
  EXPECT_TRUE(body.data() == blob);
  EXPECT_EQ(body.content_type(), "image/png");
  EXPECT_TRUE(client_->Generate(spec).ok());

  const std::string page = server_->MetricsPage();
  EXPECT_EQ(metrics::ValueOf(page, "latentd_blobs"), 1);
  EXPECT_EQ(metrics::ValueOf(page, "latentd_blob_bytes"), static_cast<double>(blob.size()));
  EXPECT_EQ(metrics::ValueOf(page, "latentd_blob_uploads"), 0);
  EXPECT_EQ(metrics::ValueOf(page, "latentd_blob_upload_bytes"), 0);
  EXPECT_TRUE(metrics::CheckByPromtool(page)) << "promtool is not there: run deploy/install.sh --tests";
}

TEST_F(Blobs, AWrongHashIsToldAndTheServerGoesOn) {
  const std::string blob = NoisePng(64, 1);
  const std::string other = client::Sha256Hex("another");
  v1::Blob state;
  ASSERT_TRUE(PutPart(other, blob, 0, 5'000, &state).ok());
  const grpc::Status status = PutPart(other, blob, 5'000, blob.size(), &state);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr(client::Sha256Hex(blob)));
  EXPECT_EQ(metrics::ValueOf(server_->MetricsPage(), "latentd_blob_upload_bytes"), 0);
  EXPECT_TRUE(client_->PutBlob(blob).ok());
}

TEST_F(Blobs, ASizeThatIsALieCostsNothing) {
  const int64_t before = server_->resident();
  for (int i = 0; i < 60; ++i) {
    grpc::ClientContext context;
    v1::PutChunkRequest request;
    request.set_sha256(client::Sha256Hex(absl::StrCat(i)));
    request.set_total_size(64 << 20);
    request.set_offset((64 << 20) - 1);
    request.set_data("x");
    v1::Blob state;
    ASSERT_TRUE(stub_->PutChunk(&context, request, &state).ok());
    EXPECT_EQ(state.received_size(), 0);
  }
  EXPECT_LT(server_->resident() - before, 32 << 20) << "of 3,840 MiB that were announced";
  EXPECT_EQ(metrics::ValueOf(server_->MetricsPage(), "latentd_blob_upload_bytes"), 60);
}

TEST_F(Blobs, TwentyMegabytesGoByTheLibraryAndByLatentctl) {
  const std::string picture = NoisePng(2600, 1);
  ASSERT_GT(picture.size(), 20'000'000U);
  v1::GenerationSpec spec = FromPicture();
  spec.mutable_image_to_image()->mutable_image()->set_data(picture);
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();

  const fs::path folder = fs::temp_directory_path() / absl::StrCat("latentd-blobs-", getpid());
  fs::create_directory(folder);
  std::ofstream(folder / "in.png", std::ios::binary) << picture;
  const std::string command = absl::StrCat(
      LATENTCTL_BINARY, " generate --server ", server_->address(),
      " --model tiny-v --prompt 'a red apple' --width 64 --height 40 --steps 4 --seed 7 --strength 0.5",
      " --init-image ", (folder / "in.png").string(), " --out ", (folder / "out.png").string(), " >/dev/null");
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_TRUE(ReadFile((folder / "out.png").string()) == result->outputs[0].data);
  fs::remove_all(folder);
}

class FewBlobs : public Blobs {
 protected:
  // Room for one picture of 100 × 100 and a half.
  void SetUp() override { Start({"--blob-bytes", "45000", "--max-batch-rows", "1"}); }
};

TEST_F(FewBlobs, ABlobStaysWhileItsJobWaitsAndGoesAfterwards) {
  const std::string first = NoisePng(100, 1), second = NoisePng(100, 2);
  v1::GenerationSpec spec = FromPicture();
  spec.mutable_image_to_image()->mutable_image()->set_data(first);
  const auto expected = client_->Generate(spec);
  ASSERT_TRUE(expected.ok()) << expected.status();

  // A long job holds the only place while another waits.
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  request.mutable_spec()->set_steps(999);
  request.mutable_spec()->mutable_image_to_image()->set_strength(1);
  const auto busy = client_->CreateJob(request);
  ASSERT_TRUE(busy.ok()) << busy.status();
  const auto sha256 = client_->PutBlob(first);
  ASSERT_TRUE(sha256.ok()) << sha256.status();
  spec.mutable_image_to_image()->mutable_image()->set_blob_sha256(*sha256);
  request.Clear();
  *request.mutable_spec() = spec;
  const auto waiting = client_->CreateJob(request);
  ASSERT_TRUE(waiting.ok()) << waiting.status();

  const absl::Status full = client_->PutBlob(second).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_EQ(client::GetErrorDetails(full).info.reason(), "BLOBS_FULL");
  EXPECT_EQ(client::GetErrorDetails(full).quota.violations_size(), 1);
  const auto job = client_->GetJob(waiting->name());
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->state(), v1::Job::STATE_QUEUED) << "the busy one was too quick for this test to mean anything";

  ASSERT_TRUE(client_->CancelJob(busy->name()).ok());
  const auto result = client_->Watch(waiting->name());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->outputs[0].data == expected->outputs[0].data);

  // Now it may go.
  const auto now = client_->PutBlob(second);
  EXPECT_TRUE(now.ok()) << now.status();
  google::api::HttpBody body;
  EXPECT_EQ(Get(*sha256, &body).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Get(*now, &body).ok());
}

}  // namespace
}  // namespace latentd::e2e
