#include "server/store/blob_upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

using ::testing::HasSubstr;

TEST(BlobUpload, PartsInOrderMakeTheBlob) {
  BlobUpload upload(6);
  EXPECT_EQ(upload.Add(0, "ab").value(), 2);
  EXPECT_EQ(upload.received_size(), 2);
  EXPECT_EQ(upload.Add(2, "cd").value(), 2);
  EXPECT_FALSE(upload.whole());
  EXPECT_EQ(upload.Add(4, "ef").value(), 2);
  ASSERT_TRUE(upload.whole());
  // echo -n abcdef | sha256sum
  EXPECT_EQ(upload.Sha256Hex(), "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721");
  EXPECT_EQ(std::move(upload).bytes(), "abcdef");
}

TEST(BlobUpload, TheSizeReceivedEndsAtTheFirstGap) {
  BlobUpload upload(6);
  EXPECT_EQ(upload.Add(4, "ef").value(), 2);
  EXPECT_EQ(upload.received_size(), 0);
  EXPECT_EQ(upload.Add(0, "ab").value(), 2);
  EXPECT_EQ(upload.received_size(), 2);
  EXPECT_FALSE(upload.whole());
  EXPECT_EQ(upload.Add(2, "cd").value(), 2);
  EXPECT_EQ(upload.received_size(), 6);
  EXPECT_EQ(upload.Sha256Hex(), "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721");
}

TEST(BlobUpload, RepeatedAndOverlappingPartsCountOnce) {
  BlobUpload upload(8);
  EXPECT_EQ(upload.Add(2, "cd").value(), 2);
  EXPECT_EQ(upload.Add(2, "cd").value(), 0);
  EXPECT_EQ(upload.Add(5, "f").value(), 1);
  EXPECT_EQ(upload.Add(1, "bcdefg").value(), 3) << "around two parts that wait";
  EXPECT_EQ(upload.received_size(), 0);
  EXPECT_EQ(upload.Add(0, "abcdefgh").value(), 2);
  EXPECT_EQ(std::move(upload).bytes(), "abcdefgh");
}

TEST(BlobUpload, EmptyPartsChangeNothing) {
  BlobUpload upload(3);
  EXPECT_EQ(upload.Add(0, "").value(), 0);
  EXPECT_EQ(upload.Add(3, "").value(), 0);
  EXPECT_EQ(upload.Add(0, "abc").value(), 3);
  EXPECT_EQ(upload.Add(2, "").value(), 0);
  EXPECT_TRUE(upload.whole());
}

TEST(BlobUpload, AByteThatDiffersIsRefusedWithItsPlaceAndChangesNothing) {
  BlobUpload upload(10);
  ASSERT_TRUE(upload.Add(0, "abc").ok());
  ASSERT_TRUE(upload.Add(6, "gh").ok());
  const absl::Status in_start = upload.Add(1, "bXde").status();
  EXPECT_EQ(in_start.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(in_start.message()), HasSubstr("byte 2 "));
  EXPECT_EQ(core::GetErrorDetails(in_start).violations.at(0).field, "data");
  EXPECT_THAT(std::string(upload.Add(3, "defgX").status().message()), HasSubstr("byte 7 "));
  EXPECT_THAT(std::string(upload.Add(0, "XXXXXXXXXX").status().message()), HasSubstr("byte 0 "));
  EXPECT_EQ(upload.received_size(), 3);
  EXPECT_EQ(upload.Add(3, "defg").value(), 3);
  EXPECT_EQ(upload.Add(8, "ij").value(), 2);
  EXPECT_EQ(std::move(upload).bytes(), "abcdefghij");
}

TEST(BlobUpload, TooManyScatteredPartsAreRefusedAndThoseThatCloseGapsAreNot) {
  constexpr auto kCount = static_cast<int64_t>(BlobUpload::kMaxWaiting);
  BlobUpload upload(4 * kCount);
  for (int64_t i = 0; i < kCount; ++i) ASSERT_TRUE(upload.Add(2 * i + 1, "x").ok());
  const absl::Status refused = upload.Add(2 * kCount + 1, "x").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(core::GetErrorDetails(refused).reason, "BLOB_PARTS_SCATTERED");
  EXPECT_FALSE(core::GetErrorDetails(refused).quota.empty());
  EXPECT_EQ(upload.Add(0, "x").value(), 1);
  EXPECT_EQ(upload.received_size(), 2);
  EXPECT_TRUE(upload.Add(2 * kCount + 1, "x").ok());
}

TEST(BlobUpload, TakesNoMoreMemoryThanTheBlobNeeds) {
  BlobUpload upload(1'000'000);
  const std::string part(100, 'x');
  for (int64_t offset = 0; offset < 1'000'000; offset += 100) ASSERT_TRUE(upload.Add(offset, part).ok());
  EXPECT_EQ(std::move(upload).bytes().capacity(), 1'000'000u);
}

TEST(BlobUpload, PartsThatAreCutAnyhowMakeTheBlob) {
  std::mt19937 random(7);
  std::string blob(2000, '\0');
  for (char& byte : blob) byte = static_cast<char>(random());
  for (int round = 0; round < 200; ++round) {
    BlobUpload upload(static_cast<int64_t>(blob.size()));
    int64_t added = 0;
    while (!upload.whole()) {
      const size_t offset = random() % blob.size();
      const size_t size = random() % 100;
      added += upload.Add(static_cast<int64_t>(offset), std::string_view(blob).substr(offset, size)).value();
    }
    ASSERT_EQ(added, static_cast<int64_t>(blob.size()));
    ASSERT_EQ(upload.Sha256Hex(), imaging::Sha256Hex(blob));
    ASSERT_EQ(std::move(upload).bytes(), blob);
  }
}

}  // namespace
}  // namespace latentd::store
