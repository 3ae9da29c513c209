// Many threads at once; the thread sanitizer looks at this.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "server/core/system_clock.h"
#include "server/imaging/sha256.h"
#include "server/store/memory_blob_store.h"
#include "tests/server/core/fake_clock.h"

namespace latentd::store {
namespace {

constexpr int kThreads = 4;

struct TestBlob {
  std::string bytes;
  std::string hash;
};

std::vector<TestBlob> MakeBlobs(int count, size_t size) {
  std::mt19937 random(1);
  std::vector<TestBlob> blobs(count);
  for (TestBlob& blob : blobs) {
    blob.bytes.resize(size);
    for (char& byte : blob.bytes) byte = static_cast<char>(random());
    blob.hash = imaging::Sha256Hex(blob.bytes);
  }
  return blobs;
}

void RunInThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

TEST(MemoryBlobStoreStress, AllSendTheSameBlobInTheirOwnOrder) {
  core::FakeClock clock;
  core::BlobUsage usage;
  MemoryBlobStore store({.clock = &clock, .on_usage = [&](const core::BlobUsage& now) { usage = now; }});
  for (const TestBlob& blob : MakeBlobs(20, 20'000)) {
    RunInThreads([&](int thread) {
      std::mt19937 random(thread);
      for (bool complete = false; !complete;) {
        const size_t offset = random() % 40 * 500;
        const auto state = store.Put({.sha256 = blob.hash,
                                      .total_size = static_cast<int64_t>(blob.bytes.size()),
                                      .offset = static_cast<int64_t>(offset),
                                      .data = std::string_view(blob.bytes).substr(offset, 1000)});
        ASSERT_TRUE(state.ok()) << state.status();
        complete = state->complete;
      }
      const core::Blob found = store.Find({.sha256 = blob.hash}).value();
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(*found, blob.bytes);
    });
  }
  EXPECT_EQ(usage, (core::BlobUsage{.blobs = 20, .bytes = 20 * 20'000}));
}

// Room for a few only, times that end while parts are added, and readers that hold on to what they found: whatever is
// found has the right bytes, and in the end the counts agree.
TEST(MemoryBlobStoreStress, BlobsComeAndGo) {
  core::SystemClock clock;
  core::BlobUsage usage;
  std::atomic<int> found_blobs = 0;
  const std::vector<TestBlob> blobs = MakeBlobs(12, 4'000);
  {
    MemoryBlobStore store({.clock = &clock,
                           .bytes = 30'000,
                           .max_blob_bytes = 4'000,
                           .max_uploads = 5,
                           .ttl = absl::Milliseconds(20),
                           .upload_ttl = absl::Milliseconds(4),
                           .on_usage = [&](const core::BlobUsage& now) {
                             usage = now;
                             EXPECT_LE(now.bytes + now.upload_bytes, 30'000);
                             EXPECT_LE(now.uploads, 5);
                           }});
    RunInThreads([&](int thread) {
      std::mt19937 random(thread);
      core::Blob held;
      for (int i = 0; i < 3'000; ++i) {
        const TestBlob& blob = blobs[random() % blobs.size()];
        const size_t offset = random() % 3 * 1'000;
        const bool damaged = random() % 50 == 0;
        const std::string wrong(2'000, 'x');
        // Errors are part of it: full, contradicting, wrong hash.
        const auto state =
            store.Put({.sha256 = blob.hash,
                       .total_size = 4'000,
                       .offset = static_cast<int64_t>(offset),
                       .data = damaged ? std::string_view(wrong) : std::string_view(blob.bytes).substr(offset, 2'000)});
        EXPECT_LE(state.ok() ? state->received_size : 0, 4'000);
        if (core::Blob found = store.Find({.sha256 = blob.hash}).value()) {
          EXPECT_EQ(*found, blob.bytes);
          ++found_blobs;
          if (random() % 2 == 0) held = std::move(found);
        }
      }
    });
    EXPECT_GT(found_blobs, 0);
  }
}

}  // namespace
}  // namespace latentd::store
