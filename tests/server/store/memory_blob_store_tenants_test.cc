// Tenants share the room for blobs, and what jobs hold stays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/store/memory_blob_store.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/store/blobs_of_tenants.h"

namespace latentd::store {
namespace {

BlobsUnderTest InMemory(const BlobBounds& bounds) {
  auto clock = std::make_shared<core::FakeClock>();
  auto store = std::make_unique<MemoryBlobStore>(MemoryBlobStoreOptions{.clock = clock.get(),
                                                                        .bytes = bounds.bytes,
                                                                        .max_blob_bytes = bounds.max_blob_bytes,
                                                                        .max_blobs = bounds.max_blobs,
                                                                        .max_uploads = bounds.max_uploads});
  return {std::move(clock), std::move(store)};
}

INSTANTIATE_TEST_SUITE_P(InMemory, BlobsOfTenants, testing::Values(InMemory));

using BlobsOfTenantsInUse = BlobsOfTenants;
INSTANTIATE_TEST_SUITE_P(InMemory, BlobsOfTenantsInUse, testing::Values(InMemory));

TEST_P(BlobsOfTenantsInUse, NobodyHasToGiveWayForWhatJobsOfOthersHold) {
  const core::Blob jobs[] = {(Put("large", Bytes('a', 200)).IgnoreError(), Use("large", Bytes('a', 200))),
                             (Put("large", Bytes('b', 200)).IgnoreError(), Use("large", Bytes('b', 200))),
                             (Put("large", Bytes('c', 200)).IgnoreError(), Use("large", Bytes('c', 200)))};
  for (const core::Blob& job : jobs) ASSERT_NE(job, nullptr);
  for (char letter = 'a'; letter < 'c'; ++letter) ASSERT_TRUE(Put("small", Bytes(letter, 200)).ok());
  EXPECT_EQ(ReasonOf(Put("large", Bytes('d', 200))), "BLOBS_FULL");
  EXPECT_TRUE(Has("small", Bytes('a', 200)));
  EXPECT_TRUE(Has("small", Bytes('b', 200)));
}

TEST_P(BlobsOfTenantsInUse, UploadsMakeWayAlsoWhereJobsOfOthersTakeTheRest) {
  std::vector<core::Blob> jobs;
  for (const char letter : {'a', 'b', 'c'}) {
    ASSERT_TRUE(Put("large", Bytes(letter, 200)).ok());
    jobs.push_back(Use("large", Bytes(letter, 200)));
  }
  ASSERT_TRUE(PutPart("large", Bytes('d', 200), 0, 199).ok());
  ASSERT_TRUE(PutPart("large", Bytes('e', 200), 0, 199).ok());
  EXPECT_TRUE(Put("small", Bytes('a', 100)).ok());
  EXPECT_EQ(Ask("large", Bytes('d', 200)).received_size, 199);
  EXPECT_EQ(Ask("large", Bytes('e', 200)).received_size, 0);
}

}  // namespace
}  // namespace latentd::store
