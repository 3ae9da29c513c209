// How tenants share the room for blobs, wherever these are: one that fills it is in nobody's way. Included once by each
// program that tests a store, which instantiates BlobsOfTenants.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/core/blob_store.h"
#include "server/core/errors.h"
#include "server/imaging/sha256.h"

namespace latentd::store {

struct BlobBounds {
  int64_t bytes = 1000;
  int64_t max_blob_bytes = 200;
  int max_blobs = 100;
  int max_uploads = 4;
};

// A store that is empty, and what it needs.
struct BlobsUnderTest {
  std::shared_ptr<void> needed;
  std::unique_ptr<core::BlobStore> store;
};

class BlobsOfTenants : public ::testing::TestWithParam<std::function<BlobsUnderTest(const BlobBounds&)>> {
 protected:
  // A blob of its own for each letter.
  static std::string Bytes(char letter, size_t size) { return std::string(size, letter); }

  absl::StatusOr<core::BlobState> PutPart(const std::string& tenant, const std::string& blob, size_t offset,
                                          size_t size) {
    return blobs_.store->Put({.sha256 = imaging::Sha256Hex(blob),
                              .total_size = static_cast<int64_t>(blob.size()),
                              .offset = static_cast<int64_t>(offset),
                              .data = std::string_view(blob).substr(offset, size),
                              .tenant = tenant});
  }
  absl::Status Put(const std::string& tenant, const std::string& blob) {
    return PutPart(tenant, blob, 0, blob.size()).status();
  }
  core::BlobState Ask(const std::string& tenant, const std::string& blob) {
    return PutPart(tenant, blob, 0, 0).value_or(core::BlobState());
  }
  bool Has(const std::string& tenant, const std::string& blob) { return Ask(tenant, blob).complete; }

  core::Blob Use(const std::string& tenant, const std::string& blob) {
    return blobs_.store->Find({.tenant = tenant, .sha256 = imaging::Sha256Hex(blob)}).value();
  }

  static std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

  // 1000 bytes in all, 500 of uploads, 200 of one blob.
  BlobsUnderTest blobs_ = GetParam()({});
};

TEST_P(BlobsOfTenants, OneThatFillsTheRoomForgetsItsOwn) {
  const std::string small = Bytes('s', 200);
  ASSERT_TRUE(Put("small", small).ok());
  for (char letter = 'a'; letter < 'k'; ++letter) ASSERT_TRUE(Put("large", Bytes(letter, 200)).ok());
  EXPECT_TRUE(Has("small", small)) << "though it was not used for the longest time";
  EXPECT_TRUE(Has("large", Bytes('j', 200)));
  EXPECT_FALSE(Has("large", Bytes('a', 200)));
}

TEST_P(BlobsOfTenants, OneThatHasLittleGetsRoomFromOneThatHasMuch) {
  for (char letter = 'a'; letter < 'f'; ++letter) ASSERT_TRUE(Put("large", Bytes(letter, 200)).ok());
  for (char letter = 'a'; letter < 'c'; ++letter) ASSERT_TRUE(Put("small", Bytes(letter, 200)).ok());
  EXPECT_FALSE(Has("large", Bytes('a', 200)));
  EXPECT_FALSE(Has("large", Bytes('b', 200)));
  EXPECT_TRUE(Has("large", Bytes('c', 200)));
  ASSERT_TRUE(Put("small", Bytes('c', 200)).ok());
  EXPECT_TRUE(Has("large", Bytes('c', 200))) << "600 bytes are more than an equal share of 1000";
  EXPECT_FALSE(Has("small", Bytes('a', 200))) << "so that it makes room for itself";
}

TEST_P(BlobsOfTenants, UnfinishedUploadsOfOneAreInNobodysWay) {
  for (char letter = 'a'; letter < 'e'; ++letter) ASSERT_TRUE(PutPart("large", Bytes(letter, 200), 0, 10).ok());
  EXPECT_EQ(ReasonOf(PutPart("large", Bytes('e', 200), 0, 10).status()), "BLOB_UPLOADS_FULL") << "its own stay";
  EXPECT_TRUE(Put("small", Bytes('a', 100)).ok());
  EXPECT_EQ(Ask("large", Bytes('d', 200)).received_size, 0) << "the one that began last made way";
  EXPECT_EQ(Ask("large", Bytes('a', 200)).received_size, 10);
}

TEST_P(BlobsOfTenants, BytesOfUnfinishedUploadsOfOneAreInNobodysWay) {
  ASSERT_TRUE(PutPart("large", Bytes('a', 200), 0, 199).ok());
  ASSERT_TRUE(PutPart("large", Bytes('b', 200), 0, 199).ok());
  ASSERT_TRUE(PutPart("large", Bytes('c', 200), 0, 100).ok());
  EXPECT_TRUE(Put("small", Bytes('a', 200)).ok());
  EXPECT_EQ(Ask("large", Bytes('a', 200)).received_size, 199);
  EXPECT_EQ(Ask("large", Bytes('b', 200)).received_size, 0);
  EXPECT_EQ(Ask("large", Bytes('c', 200)).received_size, 0);
  // What made way begins again.
  EXPECT_TRUE(Put("large", Bytes('b', 200)).ok());
}

// Each needs so much that three have no room: were the one that comes always let in, none would ever be done.
TEST_P(BlobsOfTenants, OfManyLargeUploadsTheOldestAlwaysComesToItsEnd) {
  const std::string blob = Bytes('a', 200);
  const std::vector<std::string> tenants = {"a", "b", "c", "d"};
  std::set<std::string> done;
  for (int round = 0; round < 200 && done.size() < tenants.size(); ++round) {
    for (const std::string& tenant : tenants) {
      const auto state = Ask(tenant, blob);
      const auto put = PutPart(tenant, blob, state.received_size, 10);
      if (put.ok() && put->complete) done.insert(tenant);
    }
  }
  EXPECT_THAT(done, testing::SizeIs(4));
}

TEST_P(BlobsOfTenants, EqualUploadsStay) {
  ASSERT_TRUE(PutPart("a", Bytes('a', 200), 0, 10).ok());
  ASSERT_TRUE(PutPart("a", Bytes('b', 200), 0, 10).ok());
  ASSERT_TRUE(PutPart("b", Bytes('a', 200), 0, 10).ok());
  ASSERT_TRUE(PutPart("b", Bytes('b', 200), 0, 10).ok());
  EXPECT_EQ(ReasonOf(PutPart("b", Bytes('c', 200), 0, 10).status()), "BLOB_UPLOADS_FULL");
  EXPECT_EQ(Ask("a", Bytes('a', 200)).received_size, 10);
}

}  // namespace latentd::store
