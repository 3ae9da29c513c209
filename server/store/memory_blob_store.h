#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/blob_store.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/blob_table.h"

namespace latentd::store {

struct MemoryBlobStoreOptions {
  core::Clock* clock = nullptr;  // required; outlives the store

  // Memory of all blobs, those that are still arriving among them. Those may take half of it, or as much as the largest
  // blob needs; 0: no blobs are taken.
  int64_t bytes = int64_t{256} << 20;
  int64_t max_blob_bytes = int64_t{64} << 20;  // of one
  int max_blobs = 10'000;
  int max_uploads = 64;                          // blobs that are still arriving
  absl::Duration ttl = absl::Hours(1);           // how long a blob is kept that nobody uses
  absl::Duration upload_ttl = absl::Minutes(5);  // and one that does not go on arriving
  // Told when it changes, under the store's lock: must not block nor call back. Null: nobody.
  std::function<void(const core::BlobUsage&)> on_usage{};
};

// Blobs in this process's memory: one lock around a BlobTable, and one for each upload, under which its bytes are
// copied and hashed as they come. When room is short those that were not used for the longest time are forgotten, never
// a blob that somebody still holds, nor what is within a tenant's equal share for another's sake. Times end on the
// clock's thread. Thread-safe.
//
//   MemoryBlobStore blobs({.clock = &clock, .bytes = int64_t{1} << 30});
class MemoryBlobStore final : public core::BlobStore {
 public:
  explicit MemoryBlobStore(const MemoryBlobStoreOptions& options);

  int64_t max_blob_bytes() const override { return max_blob_bytes_; }
  absl::StatusOr<core::BlobState> Put(const core::BlobPart& part) override;
  absl::StatusOr<core::Blob> Find(const core::BlobKey& key) override;

 private:
  class Change;

  // Nothing when the upload ended before its turn came.
  std::optional<absl::StatusOr<core::BlobState>> Add(Upload& upload, const core::BlobPart& part);

  core::Clock* const clock_;
  const int64_t max_blob_bytes_;
  const std::function<void(const core::BlobUsage&)> on_usage_;

  core::Mutex mutex_;
  BlobTable table_ ABSL_GUARDED_BY(mutex_);

  Alarm alarm_;  // last: it stops ringing before the others go
};

}  // namespace latentd::store
