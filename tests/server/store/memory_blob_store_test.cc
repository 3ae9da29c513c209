#include "server/store/memory_blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/core/errors.h"
#include "server/imaging/sha256.h"
#include "tests/server/core/fake_clock.h"

namespace latentd::store {
namespace {

using ::testing::HasSubstr;

class MemoryBlobStoreTest : public ::testing::Test {
 protected:
  // 1000 bytes in all, 400 of one blob, so that uploads may take 500; 20 s for blobs, 10 s for uploads.
  void SetUp() override { Make(DefaultOptions()); }

  MemoryBlobStoreOptions DefaultOptions() {
    return {.clock = &clock_,
            .bytes = 1000,
            .max_blob_bytes = 400,
            .max_blobs = 100,
            .max_uploads = 4,
            .ttl = absl::Seconds(20),
            .upload_ttl = absl::Seconds(10),
            .on_usage = [this](const core::BlobUsage& usage) { usage_ = usage; }};
  }

  void Make(const MemoryBlobStoreOptions& options) {
    blobs_.reset();
    usage_ = {};
    blobs_ = std::make_unique<MemoryBlobStore>(options);
  }

  // A blob of its own for each letter.
  static std::string Bytes(char letter, size_t size) { return std::string(size, letter); }
  static std::string Hash(const std::string& bytes) { return imaging::Sha256Hex(bytes); }

  absl::StatusOr<core::BlobState> PutPart(const std::string& blob, size_t offset, size_t size) {
    return blobs_->Put({.sha256 = Hash(blob),
                        .total_size = static_cast<int64_t>(blob.size()),
                        .offset = static_cast<int64_t>(offset),
                        .data = std::string_view(blob).substr(offset, size)});
  }
  absl::StatusOr<core::BlobState> Put(const std::string& blob) { return PutPart(blob, 0, blob.size()); }
  absl::StatusOr<core::BlobState> Ask(const std::string& blob) { return PutPart(blob, 0, 0); }

  bool Has(const std::string& blob) { return Ask(blob).value().complete; }

  static std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

  core::FakeClock clock_;
  core::BlobUsage usage_;
  std::unique_ptr<MemoryBlobStore> blobs_;
};

TEST_F(MemoryBlobStoreTest, ABlobIsThereOnceAllOfItsPartsAre) {
  const std::string blob = Bytes('a', 200) + Bytes('b', 100);
  const auto first = PutPart(blob, 200, 100);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->received_size, 0);
  EXPECT_FALSE(first->complete);
  EXPECT_EQ(first->expire_time, clock_.Now() + absl::Seconds(10));
  EXPECT_EQ(blobs_->Find({.sha256 = Hash(blob)}).value(), nullptr);
  EXPECT_EQ(usage_, (core::BlobUsage{.uploads = 1, .upload_bytes = 100}));

  const auto second = PutPart(blob, 0, 200);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->received_size, 300);
  EXPECT_TRUE(second->complete);
  EXPECT_EQ(second->expire_time, clock_.Now() + absl::Seconds(20));
  EXPECT_EQ(usage_, (core::BlobUsage{.blobs = 1, .bytes = 300}));
  ASSERT_NE(blobs_->Find({.sha256 = Hash(blob)}).value(), nullptr);
  EXPECT_EQ(*blobs_->Find({.sha256 = Hash(blob)}).value(), blob);
}

TEST_F(MemoryBlobStoreTest, AskingChangesNothing) {
  const std::string blob = Bytes('a', 300);
  const auto nothing = Ask(blob);
  EXPECT_EQ(nothing->received_size, 0);
  EXPECT_FALSE(nothing->expire_time.has_value());
  EXPECT_EQ(usage_, core::BlobUsage());
  ASSERT_TRUE(PutPart(blob, 0, 50).ok());
  EXPECT_EQ(Ask(blob)->received_size, 50);
  EXPECT_EQ(usage_, (core::BlobUsage{.uploads = 1, .upload_bytes = 50}));
}

TEST_F(MemoryBlobStoreTest, RepeatedPartsTakeNoRoom) {
  const std::string blob = Bytes('a', 300);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(PutPart(blob, 100, 100).ok());
  EXPECT_EQ(usage_.upload_bytes, 100);
  ASSERT_TRUE(PutPart(blob, 50, 200).ok());
  EXPECT_EQ(usage_.upload_bytes, 200);
}

TEST_F(MemoryBlobStoreTest, PartsThatContradictEachOtherAreRefused) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(PutPart(blob, 0, 100).ok());
  const absl::Status refused = blobs_->Put({Hash(blob), 300, 90, "aaaaaXaaaaaa"}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("byte 95 "));
  EXPECT_EQ(usage_.upload_bytes, 100);
  EXPECT_TRUE(PutPart(blob, 90, 210)->complete);
}

TEST_F(MemoryBlobStoreTest, AWrongHashDropsAllThatCame) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(blobs_->Put({Hash(blob), 300, 0, Bytes('x', 200)}).ok());
  const absl::Status wrong = PutPart(blob, 200, 100).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(wrong), "BLOB_HASH_MISMATCH");
  EXPECT_EQ(core::GetErrorDetails(wrong).metadata.at("found_sha256"), Hash(Bytes('x', 200) + Bytes('a', 100)));
  EXPECT_EQ(core::GetErrorDetails(wrong).resource_name, Hash(blob));
  EXPECT_EQ(usage_, core::BlobUsage());
  EXPECT_EQ(Ask(blob)->received_size, 0);
  EXPECT_TRUE(Put(blob)->complete) << "sent again it is taken";
}

TEST_F(MemoryBlobStoreTest, ASizeThatIsWrongIsInNobodysWay) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(blobs_->Put({Hash(blob), 400, 0, Bytes('x', 100)}).ok());
  EXPECT_TRUE(Put(blob)->complete);
  const absl::Status wrong = blobs_->Put({Hash(blob), 299, 0, "a"}).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(core::GetErrorDetails(wrong).violations.at(0).field, "total_size");
}

TEST_F(MemoryBlobStoreTest, ABlobIsForgottenWhenNobodyHasUsedItForItsTime) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(Put(blob).ok());
  clock_.Advance(absl::Seconds(19));
  EXPECT_EQ(usage_.blobs, 1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(usage_, core::BlobUsage());
  EXPECT_EQ(blobs_->Find({.sha256 = Hash(blob)}).value(), nullptr);
}

TEST_F(MemoryBlobStoreTest, EveryUseMakesItLiveLonger) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(Put(blob).ok());
  clock_.Advance(absl::Seconds(15));
  EXPECT_NE(blobs_->Find({.sha256 = Hash(blob)}).value(), nullptr);
  clock_.Advance(absl::Seconds(15));
  EXPECT_EQ(usage_.blobs, 1);
  EXPECT_EQ(Put(blob)->expire_time, clock_.Now() + absl::Seconds(20)) << "sent again";
  clock_.Advance(absl::Seconds(15));
  EXPECT_EQ(Ask(blob)->expire_time, clock_.Now() + absl::Seconds(20));
  clock_.Advance(absl::Seconds(19));
  EXPECT_EQ(usage_.blobs, 1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(usage_.blobs, 0);
}

TEST_F(MemoryBlobStoreTest, AnUploadIsForgottenWhenItDoesNotGoOn) {
  const std::string blob = Bytes('a', 300);
  ASSERT_TRUE(PutPart(blob, 0, 100).ok());
  clock_.Advance(absl::Seconds(9));
  ASSERT_TRUE(PutPart(blob, 100, 100).ok());
  clock_.Advance(absl::Seconds(9));
  EXPECT_EQ(usage_.upload_bytes, 200);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(usage_, core::BlobUsage());
  EXPECT_EQ(PutPart(blob, 200, 100)->received_size, 0) << "it begins anew";
}

TEST_F(MemoryBlobStoreTest, TheLeastRecentlyUsedMakesRoom) {
  const std::string a = Bytes('a', 300), b = Bytes('b', 300), c = Bytes('c', 300), d = Bytes('d', 300);
  for (const std::string& blob : {a, b, c}) ASSERT_TRUE(Put(blob).ok());
  ASSERT_NE(blobs_->Find({.sha256 = Hash(a)}).value(), nullptr);
  ASSERT_TRUE(Put(d)->complete);
  EXPECT_EQ(usage_, (core::BlobUsage{.blobs = 3, .bytes = 900}));
  EXPECT_EQ(blobs_->Find({.sha256 = Hash(b)}).value(), nullptr);
  for (const std::string& blob : {a, c, d}) EXPECT_TRUE(Has(blob));
}

TEST_F(MemoryBlobStoreTest, WhatIsInUseIsNeitherForgottenForRoomNorForTime) {
  const std::string a = Bytes('a', 400), b = Bytes('b', 400), c = Bytes('c', 400);
  ASSERT_TRUE(Put(a).ok());
  ASSERT_TRUE(Put(b).ok());
  core::Blob job = blobs_->Find({.sha256 = Hash(a)}).value();
  ASSERT_TRUE(Put(c).ok());
  EXPECT_FALSE(Has(b)) << "though it was used later";
  core::Blob other_job = blobs_->Find({.sha256 = Hash(c)}).value();
  const absl::Status full = Put(b).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full), "BLOBS_FULL");
  EXPECT_FALSE(core::GetErrorDetails(full).quota.empty());
  EXPECT_EQ(usage_, (core::BlobUsage{.blobs = 2, .bytes = 800})) << "nothing is forgotten in vain";

  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(usage_.blobs, 2);
  job = nullptr;
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(usage_.blobs, 1) << "its job has ended, and another time has passed";
  other_job = nullptr;
  EXPECT_TRUE(Put(b)->complete);
}

TEST_F(MemoryBlobStoreTest, NothingIsForgottenForAPartThatIsNotTaken) {
  const std::string a = Bytes('a', 400), b = Bytes('b', 100), c = Bytes('c', 300), d = Bytes('d', 400);
  for (const std::string& blob : {a, b, c}) ASSERT_TRUE(Put(blob).ok());
  const core::Blob jobs[] = {blobs_->Find({.sha256 = Hash(a)}).value(), blobs_->Find({.sha256 = Hash(c)}).value()};
  // 200 bytes are free, and 100 could be made so.
  EXPECT_EQ(ReasonOf(PutPart(d, 0, 350).status()), "BLOBS_FULL");
  EXPECT_EQ(usage_, (core::BlobUsage{.blobs = 3, .bytes = 800}));
  EXPECT_TRUE(PutPart(d, 0, 300).ok());
  EXPECT_EQ(usage_, (core::BlobUsage{.blobs = 2, .bytes = 700, .uploads = 1, .upload_bytes = 300}));
}

TEST_F(MemoryBlobStoreTest, UploadsTakeHalfTheRoom) {
  const std::string a = Bytes('a', 400), b = Bytes('b', 400);
  ASSERT_TRUE(PutPart(a, 0, 300).ok());
  ASSERT_TRUE(PutPart(b, 0, 200).ok());
  const absl::Status full = PutPart(b, 200, 1).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full), "BLOB_UPLOADS_FULL");
  EXPECT_EQ(Ask(b)->received_size, 200) << "what came before stays";
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(PutPart(b, 0, 0).ok());
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(PutPart(b, 200, 200)->complete) << "the other has not gone on";
}

TEST_F(MemoryBlobStoreTest, SoManyUploadsAtATime) {
  for (char letter = 'a'; letter < 'e'; ++letter) ASSERT_TRUE(PutPart(Bytes(letter, 100), 0, 10).ok());
  const absl::Status full = PutPart(Bytes('e', 100), 0, 10).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full), "BLOB_UPLOADS_FULL");
  EXPECT_FALSE(core::GetErrorDetails(full).quota.empty());
  ASSERT_TRUE(Put(Bytes('a', 100))->complete);
  EXPECT_TRUE(PutPart(Bytes('e', 100), 0, 10).ok());
}

TEST_F(MemoryBlobStoreTest, SoManyBlobs) {
  MemoryBlobStoreOptions options = DefaultOptions();
  options.max_blobs = 3;
  Make(options);
  for (char letter = 'a'; letter < 'f'; ++letter) ASSERT_TRUE(Put(Bytes(letter, 1))->complete);
  EXPECT_EQ(usage_.blobs, 3);
  EXPECT_FALSE(Has(Bytes('b', 1)));
  EXPECT_TRUE(Has(Bytes('c', 1)));
}

TEST_F(MemoryBlobStoreTest, AnAnnouncedSizeTakesNoMemory) {
  MemoryBlobStoreOptions options = DefaultOptions();
  options.bytes = int64_t{1} << 40;
  options.max_blob_bytes = int64_t{1} << 38;
  Make(options);
  // Two terabytes and the end of each would be there, if that were believed.
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    const std::string hash(64, letter);
    EXPECT_EQ(blobs_->Put({hash, int64_t{1} << 38, (int64_t{1} << 38) - 1, "x"})->received_size, 0);
  }
  EXPECT_EQ(usage_, (core::BlobUsage{.uploads = 4, .upload_bytes = 4}));
}

TEST_F(MemoryBlobStoreTest, TheLargestBlobFitsAlsoWhereItIsMoreThanHalf) {
  MemoryBlobStoreOptions options = DefaultOptions();
  options.bytes = 400;
  Make(options);
  EXPECT_EQ(blobs_->max_blob_bytes(), 400);
  ASSERT_TRUE(Put(Bytes('a', 400))->complete);
  EXPECT_TRUE(Put(Bytes('b', 400))->complete);
  options.bytes = 300;
  Make(options);
  EXPECT_EQ(blobs_->max_blob_bytes(), 300);
  options.bytes = 0;
  Make(options);
  EXPECT_EQ(blobs_->max_blob_bytes(), 0);
}

}  // namespace
}  // namespace latentd::store
