// Large inputs, and the jobs that refer to them, over real gRPC.

#include <gmock/gmock.h>
#include <google/api/httpbody.pb.h>

#include "server/imaging/sha256.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::HasSubstr;

class BlobRpcs : public RpcTest {
 protected:
  grpc::Status PutPart(const std::string& sha256, int64_t total_size, int64_t offset, const std::string& data,
                       v1::Blob* blob = nullptr) {
    Context context;
    v1::PutChunkRequest request;
    request.set_sha256(sha256);
    request.set_total_size(total_size);
    request.set_offset(offset);
    request.set_data(data);
    v1::Blob ignored;
    return blobs_->PutChunk(&context, request, blob == nullptr ? &ignored : blob);
  }

  // Its hash.
  std::string Put(const std::string& bytes) {
    const std::string sha256 = imaging::Sha256Hex(bytes);
    v1::Blob blob;
    const grpc::Status status = PutPart(sha256, static_cast<int64_t>(bytes.size()), 0, bytes, &blob);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(blob.complete());
    return sha256;
  }

  grpc::Status Get(const std::string& sha256, google::api::HttpBody* body) {
    Context context;
    v1::GetBlobRequest request;
    request.set_sha256(sha256);
    return blobs_->Get(&context, request, body);
  }

  grpc::Status Create(const v1::GenerationSpec& spec, v1::Job* job, const std::string& request_id = "") {
    Context context;
    v1::CreateJobRequest request;
    *request.mutable_spec() = spec;
    request.set_request_id(request_id);
    return images_->CreateJob(&context, request, job);
  }

  // An inpainting; pictures are called by their sizes.
  static v1::GenerationSpec Inpaint() {
    v1::GenerationSpec spec = Spec();
    spec.set_model("painter");
    spec.mutable_inpaint()->mutable_image()->set_data("64x48");
    spec.mutable_inpaint()->mutable_mask()->set_data("64x48");
    return spec;
  }

  const std::string kNone = std::string(64, '0');
};

TEST_F(BlobRpcs, ABlobIsSentInPartsAndReadBack) {
  const std::string bytes = "\x89PNG\r\n\x1A\n and so on";
  const std::string sha256 = imaging::Sha256Hex(bytes);
  const auto size = static_cast<int64_t>(bytes.size());
  v1::Blob blob;
  ASSERT_TRUE(PutPart(sha256, size, 0, "", &blob).ok());
  EXPECT_EQ(blob.sha256(), sha256);
  EXPECT_EQ(blob.total_size(), size);
  EXPECT_EQ(blob.received_size(), 0);
  EXPECT_FALSE(blob.has_expire_time());

  ASSERT_TRUE(PutPart(sha256, size, 0, bytes.substr(0, 5), &blob).ok());
  EXPECT_EQ(blob.received_size(), 5);
  EXPECT_FALSE(blob.complete());
  EXPECT_EQ(blob.expire_time().seconds(), absl::ToUnixSeconds(clock_.Now() + absl::Minutes(5)));
  google::api::HttpBody body;
  EXPECT_EQ(Get(sha256, &body).error_code(), grpc::StatusCode::NOT_FOUND);

  ASSERT_TRUE(PutPart(sha256, size, 5, bytes.substr(5), &blob).ok());
  EXPECT_EQ(blob.received_size(), size);
  EXPECT_TRUE(blob.complete());
  EXPECT_EQ(blob.expire_time().seconds(), absl::ToUnixSeconds(clock_.Now() + absl::Hours(1)));
  ASSERT_TRUE(Get(sha256, &body).ok());
  EXPECT_EQ(body.data(), bytes);
  EXPECT_EQ(body.content_type(), "image/png");
}

TEST_F(BlobRpcs, TheMediaTypeIsReadFromTheFirstBytes) {
  const std::string webp = std::string("RIFF\x04\0\0\0", 8) + "WEBP";
  const std::vector<std::pair<std::string, std::string>> cases = {{"\xFF\xD8\xFF\xE0...", "image/jpeg"},
                                                                  {webp, "image/webp"},
                                                                  {webp.substr(0, 11), "application/octet-stream"},
                                                                  {"RIFF....WAVE", "application/octet-stream"},
                                                                  {"\x89PNG", "application/octet-stream"},
                                                                  {"x", "application/octet-stream"}};
  for (const auto& [bytes, type] : cases) {
    google::api::HttpBody body;
    ASSERT_TRUE(Get(Put(bytes), &body).ok());
    EXPECT_EQ(body.content_type(), type) << bytes;
  }
}

TEST_F(BlobRpcs, PartsThatAreWrongAreNamedByTheirFields) {
  EXPECT_EQ(WrongFields(PutPart("", 0, -1, "x")), "sha256, total_size, offset");
  EXPECT_EQ(WrongFields(PutPart("ABC", 1, 0, "x")), "sha256");
  EXPECT_EQ(WrongFields(PutPart(kNone, int64_t{1} << 60, 0, "x")), "total_size");
  EXPECT_EQ(WrongFields(PutPart(kNone, (32 << 20) + 1, 0, "x")), "total_size") << "of this server";
  EXPECT_EQ(WrongFields(PutPart(kNone, 10, 11, "x")), "offset");
  EXPECT_EQ(WrongFields(PutPart(kNone, 10, 9, "xy")), "data");
  ASSERT_TRUE(PutPart(kNone, 10, 0, "abc").ok());
  const grpc::Status differs = PutPart(kNone, 10, 2, "def");
  EXPECT_EQ(differs.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(WrongFields(differs), "data");
  google::api::HttpBody body;
  EXPECT_EQ(WrongFields(Get("abc", &body)), "sha256");
}

TEST_F(BlobRpcs, AWrongHashIsToldAndTheUploadIsGone) {
  ASSERT_TRUE(PutPart(kNone, 6, 0, "abc").ok());
  const grpc::Status status = PutPart(kNone, 6, 3, "def");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(ReasonOf(status), "BLOB_HASH_MISMATCH");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status)->metadata().at("found_sha256"), imaging::Sha256Hex("abcdef"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), "blobs/" + kNone);
  v1::Blob blob;
  ASSERT_TRUE(PutPart(kNone, 6, 0, "", &blob).ok());
  EXPECT_EQ(blob.received_size(), 0);
}

TEST_F(BlobRpcs, WithoutRoomTheQuotaIsNamed) {
  ASSERT_TRUE(PutPart(kNone, 32 << 20, 0, std::string(7 << 20, 'a')).ok());
  grpc::Status status;
  for (int i = 1; i < 8 && status.ok(); ++i) {
    status = PutPart(std::string(64, static_cast<char>('0' + i)), 32 << 20, 0, std::string(7 << 20, 'a'));
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "BLOB_UPLOADS_FULL");
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(status)->violations(0).subject(),
            "bytes of blobs that are still arriving");
}

TEST_F(BlobRpcs, ABlobThatIsNotThereIsNamed) {
  google::api::HttpBody body;
  const grpc::Status status = Get(kNone, &body);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "BLOB_NOT_FOUND");
  const auto resource = DetailOf<google::rpc::ResourceInfo>(status);
  ASSERT_TRUE(resource.has_value());
  EXPECT_EQ(resource->resource_type(), "latentd.io/Blob");
  EXPECT_EQ(resource->resource_name(), "blobs/" + kNone);
}

TEST_F(BlobRpcs, AJobRefersToPicturesByTheirHashes) {
  const std::string sha256 = Put("64x48");
  v1::GenerationSpec spec = Inpaint();
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256(sha256);
  v1::Job job;
  const grpc::Status status = Create(spec, &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(job.spec().inpaint().image().blob_sha256(), sha256);
  const std::vector<core::ClaimedJob> claimed = store_.Claim(1);
  ASSERT_EQ(claimed.size(), 1u);
  const std::optional<core::InputImage>& image = claimed[0].request->image();
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(*image->data, "64x48");
  EXPECT_EQ(image->sha256, sha256);
  EXPECT_EQ(image->width, 64);
  EXPECT_EQ(image->height, 48);
  EXPECT_EQ(image->data, blob_store_.Find({.sha256 = sha256}).value()) << "the bytes are there once";
}

TEST_F(BlobRpcs, AJobKeepsItsBlobsUntilItsEnd) {
  const std::string sha256 = Put("64x48");
  v1::GenerationSpec spec = Inpaint();
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256(sha256);
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  request.mutable_options()->mutable_timeout()->set_seconds(24 * 3600);
  v1::Job job;
  {
    Context context;
    ASSERT_TRUE(images_->CreateJob(&context, request, &job).ok());
  }
  clock_.Advance(absl::Hours(5));
  ASSERT_EQ(StateOf(job.name()), core::JobState::kQueued);
  EXPECT_NE(blob_store_.Find({.sha256 = sha256}).value(), nullptr);
  ASSERT_TRUE(store_.Cancel(job.name(), "CALLER").ok());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(blob_store_.Find({.sha256 = sha256}).value(), nullptr);
}

TEST_F(BlobRpcs, AllMissingBlobsAreNamedTogether) {
  v1::GenerationSpec spec = Inpaint();
  const std::string other(64, '1');
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256(kNone);
  spec.mutable_inpaint()->mutable_mask()->set_blob_sha256(other);
  v1::Job job;
  const grpc::Status status = Create(spec, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "BLOB_NOT_FOUND");
  EXPECT_THAT(status.error_message(), HasSubstr("spec.inpaint.image.blob_sha256: there is no blob " + kNone));
  EXPECT_THAT(status.error_message(), HasSubstr("spec.inpaint.mask.blob_sha256: there is no blob " + other));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status)->metadata().at("blobs"), kNone + "," + other);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_type(), "latentd.io/Blob");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), "blobs/" + kNone);
}

TEST_F(BlobRpcs, WhatIsWrongWithARequestComesBeforeWhatIsMissing) {
  v1::GenerationSpec spec = Inpaint();
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256("ABC");
  spec.mutable_inpaint()->mutable_mask()->set_blob_sha256(kNone);
  v1::Job job;
  EXPECT_EQ(WrongFields(Create(spec, &job)), "spec.inpaint.image.blob_sha256");
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256(Put("not a picture"));
  EXPECT_EQ(WrongFields(Create(spec, &job)), "spec.inpaint.image.blob_sha256");
  spec.mutable_inpaint()->mutable_image()->set_blob_sha256(kNone);
  spec.set_steps(-1);
  EXPECT_EQ(WrongFields(Create(spec, &job)), "spec.steps");
  spec.set_steps(0);
  spec.set_model("sdxl");
  EXPECT_EQ(ReasonOf(Create(spec, &job)), "MODEL_NOT_FOUND");
}

TEST_F(BlobRpcs, TheSamePictureByHashAndByDataIsTheSameRequest) {
  const std::string sha256 = Put("64x48");
  v1::GenerationSpec by_hash = Inpaint();
  by_hash.mutable_inpaint()->mutable_image()->set_blob_sha256(sha256);
  v1::Job first, again, other;
  ASSERT_TRUE(Create(Inpaint(), &first, "id-1").ok());
  ASSERT_TRUE(Create(by_hash, &again, "id-1").ok());
  EXPECT_EQ(first.name(), again.name());
  by_hash.mutable_inpaint()->mutable_image()->set_blob_sha256(Put("64x40"));
  by_hash.mutable_inpaint()->mutable_mask()->set_fit(v1::InputImage::FIT_STRETCH);
  EXPECT_EQ(Create(by_hash, &other, "id-1").error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(BlobRpcs, JobsDoNotCountTheBlobsThatTheyShare) {
  std::string picture = "64x48";
  const auto admitted = [&](const v1::GenerationSpec& spec) {
    v1::Job job;
    return Create(spec, &job).ok();
  };
  store::MemoryJobStore small({.clock = &clock_, .max_pending_bytes = 120'000});
  StartServer(&small);
  // The fixture's pictures are tiny, so a long number of leading zeros makes them large.
  picture = std::string(80'000, '0') + picture;
  v1::GenerationSpec spec = Spec();
  spec.set_model("painter");
  spec.mutable_image_to_image()->mutable_image()->set_data(picture);
  EXPECT_TRUE(admitted(spec));
  EXPECT_FALSE(admitted(spec)) << "two that brought their own are too much";
  spec.mutable_image_to_image()->mutable_image()->set_blob_sha256(Put(picture));
  EXPECT_TRUE(admitted(spec));
  server_ = nullptr;
}

TEST_F(BlobRpcs, ATwentyMegabytePictureFitsInPartsThoughNotInOneMessage) {
  std::string bytes(20 << 20, '0');
  bytes.append("64x48");
  v1::GenerationSpec spec = Spec();
  spec.set_model("painter");
  spec.mutable_image_to_image()->mutable_image()->set_data(bytes);
  v1::Job job;
  EXPECT_EQ(Create(spec, &job).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const std::string sha256 = imaging::Sha256Hex(bytes);
  v1::Blob blob;
  for (size_t offset = 0; offset < bytes.size(); offset += 1 << 20) {
    ASSERT_TRUE(PutPart(sha256, static_cast<int64_t>(bytes.size()), static_cast<int64_t>(offset),
                        bytes.substr(offset, 1 << 20), &blob)
                    .ok());
  }
  EXPECT_TRUE(blob.complete());
  spec.mutable_image_to_image()->mutable_image()->set_blob_sha256(sha256);
  const grpc::Status status = Create(spec, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(job.spec().width(), 64);
}

}  // namespace
}  // namespace latentd::rpc
