#include "server/core/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/core/errors.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kHash(64, 'a');

std::vector<std::string> WrongFields(const BlobPart& part, int64_t max_blob_bytes = 100) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : CheckBlobPart(part, max_blob_bytes)) fields.push_back(violation.field);
  return fields;
}

TEST(IsSha256, TakesLowerCaseHexOfTheRightLengthOnly) {
  EXPECT_TRUE(IsSha256(kHash));
  EXPECT_TRUE(IsSha256("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(IsSha256(""));
  EXPECT_FALSE(IsSha256(std::string(63, 'a')));
  EXPECT_FALSE(IsSha256(std::string(65, 'a')));
  EXPECT_FALSE(IsSha256(std::string(64, 'A')));
  EXPECT_FALSE(IsSha256(std::string(63, 'a') + "g"));
  EXPECT_FALSE(IsSha256(std::string(64, '\0')));
}

TEST(CheckBlobPart, TakesPartsWithinTheBlob) {
  EXPECT_THAT(WrongFields({kHash, 10, 0, "0123456789"}), IsEmpty());
  EXPECT_THAT(WrongFields({kHash, 100, 99, "x"}), IsEmpty());
  EXPECT_THAT(WrongFields({kHash, 10, 10, ""}), IsEmpty()) << "only asks";
}

TEST(CheckBlobPart, NamesEverythingThatIsWrong) {
  EXPECT_THAT(WrongFields({"abc", 0, -1, "x"}), ElementsAre("sha256", "total_size", "offset"));
  EXPECT_THAT(WrongFields({kHash, 101, 0, "x"}), ElementsAre("total_size"));
  EXPECT_THAT(WrongFields({kHash, -5, 0, "x"}), ElementsAre("total_size"));
  EXPECT_THAT(WrongFields({kHash, 10, 11, ""}), ElementsAre("offset"));
  EXPECT_THAT(WrongFields({kHash, 10, 9, "xy"}), ElementsAre("data"));
}

TEST(CheckBlobPart, NumbersThatOverflowAreRefused) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(WrongFields({kHash, kMax, kMax, "x"}), ElementsAre("total_size"));
  EXPECT_THAT(WrongFields({kHash, 10, kMax, "x"}), ElementsAre("offset"));
  EXPECT_THAT(WrongFields({kHash, 10, std::numeric_limits<int64_t>::min(), "x"}), ElementsAre("offset"));
}

TEST(CheckBlobPart, WithoutRoomForBlobsItSaysSo) {
  const auto violations = CheckBlobPart({kHash, 1, 0, "x"}, 0);
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].description, "cannot be taken: this server keeps no blobs");
}

TEST(BlobNotFound, NamesAllAndPointsAtTheFirst) {
  const absl::Status status = BlobNotFound("two are missing", {"h1", "h2"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  const ErrorDetails details = GetErrorDetails(status);
  EXPECT_EQ(details.reason, "BLOB_NOT_FOUND");
  EXPECT_EQ(details.resource_type, "blob");
  EXPECT_EQ(details.resource_name, "h1");
  EXPECT_EQ(details.metadata.at("blobs"), "h1,h2");
}

}  // namespace
}  // namespace latentd::core
