#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/blob_store.h"
#include "server/store/redis/address.h"
#include "server/store/redis/pool.h"

namespace latentd::store {

// As MemoryBlobStoreOptions has them, but of all processes together.
struct RedisBlobStoreOptions {
  RedisAddress address{};
  std::string prefix = "{latentd}:";   // of all keys, as RedisJobStoreOptions has it
  const core::Clock* clock = nullptr;  // required; outlives the store

  int64_t bytes = int64_t{256} << 20;
  int64_t max_blob_bytes = int64_t{64} << 20;
  int max_blobs = 10'000;
  int max_uploads = 64;
  absl::Duration ttl = absl::Hours(1);
  absl::Duration upload_ttl = absl::Minutes(5);
};

// Blobs in a Redis that several processes share: parts of one may come to any of them, and any finds it. Room is shared
// among tenants as in MemoryBlobStore; whoever uses a blob has a copy, so that none has to stay. Blocks while Redis
// works, and fails as RedisConnection does. Thread-safe.
class RedisBlobStore final : public core::BlobStore {
 public:
  explicit RedisBlobStore(const RedisBlobStoreOptions& options);

  int64_t max_blob_bytes() const override { return options_.max_blob_bytes; }
  absl::StatusOr<core::BlobState> Put(const core::BlobPart& part) override;
  absl::StatusOr<core::Blob> Find(const core::BlobKey& key) override;

 private:
  // Looks at the hash of an upload whose bytes are all there; nothing when it has ended meanwhile.
  std::optional<absl::StatusOr<core::BlobState>> End(const core::BlobPart& part, const std::string& serial);

  const RedisBlobStoreOptions options_;
  RedisPool pool_;
};

}  // namespace latentd::store
