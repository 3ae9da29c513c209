#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/blob_store.h"
#include "server/core/mutex.h"
#include "server/store/blob_upload.h"
#include "server/store/equal_shares.h"

namespace latentd::store {

struct BlobLimits {
  int64_t bytes = 0;            // of all blobs, those that are still arriving among them
  int64_t upload_bytes = 0;     // of those that are still arriving
  int64_t blob_bytes = 0;       // of the largest blob
  int blobs = 0;                // of all
  int uploads = 0;              // of those that are still arriving
  absl::Duration ttl{};         // of a blob after its last use
  absl::Duration upload_ttl{};  // of an unfinished one after its last part
};

// A blob that is still arriving. Two senders may announce different sizes for one hash, so that it is known by both,
// and a wrong size is in nobody's way.
struct Upload {
  Upload(core::BlobKey blob, int64_t size, int64_t number)
      : key(std::move(blob)), total_size(size), serial(number), bytes(size) {}

  const core::BlobKey key;
  const int64_t total_size;
  const int64_t serial;  // rises with each upload

  // The table's own.
  int64_t charged = 0;  // bytes that it holds, and those that are being added
  bool removed = false;
  absl::Time expire_time{};

  // Whoever adds bytes holds this. Taken before the table's lock, never inside it.
  core::Mutex mutex;
  BlobUpload bytes ABSL_GUARDED_BY(mutex);
};

// A blob that is there.
struct KeptBlob {
  core::BlobKey key;
  core::Blob data;
  absl::Time expire_time{};

  int64_t size() const { return static_cast<int64_t>(data->size()); }
  // Somebody, such as a job, refers to it: its memory would not be freed.
  bool in_use() const { return data.use_count() > 1; }
};

// What a blob store holds, and what it may: blobs and uploads in the order of their last use, which is also that of
// their ends. When room is short those that were not used for the longest time go, of tenants that have to give way
// (EqualShares); then other tenants' uploads, the youngest first: of such tenants, and those that began later, so that
// the oldest always comes to its end. Times that are passed in never run backwards. Not thread-safe.
class BlobTable {
 public:
  explicit BlobTable(const BlobLimits& limits) : limits_(limits), held_(limits) {}

  // The blob, used now; null when it is not there. Valid until the next change.
  const KeptBlob* Use(const core::BlobKey& key, absl::Time now);

  // Null when there is none.
  std::shared_ptr<Upload> FindUpload(const core::BlobKey& key, int64_t total_size) const;

  // Takes room for `bytes` more of an upload, which begins now if it has not; blobs that nobody uses make way, and
  // other tenants' uploads. What is not needed in the end is given back. RESOURCE_EXHAUSTED, which changes nothing:
  // there is no room.
  // REQUIRES: the blob is not there.
  absl::StatusOr<std::shared_ptr<Upload>> Charge(const core::BlobKey& key, int64_t total_size, int64_t bytes,
                                                 absl::Time now);
  void GiveBack(Upload& upload, int64_t bytes);

  // The upload has become a blob, or nothing. REQUIRES: it was not removed.
  const KeptBlob& Keep(Upload& upload, std::string bytes, absl::Time now);
  void Remove(Upload& upload);

  // Forgets what nobody has used for its time; what is in use then stays for another.
  void Expire(absl::Time now);
  // When something is to be forgotten.
  absl::Time NextTime() const;

  core::BlobUsage usage() const;

  // What was forgotten, to be freed without a lock.
  std::vector<std::shared_ptr<const void>> TakeGarbage() { return std::exchange(garbage_, {}); }

 private:
  using Blobs = std::list<KeptBlob>;
  using Uploads = std::list<std::shared_ptr<Upload>>;

  // Who has how much: of uploads, and of all, uploads among them.
  struct Held {
    explicit Held(const BlobLimits& limits)
        : uploads(limits.uploads, 1),
          upload_bytes(limits.upload_bytes, limits.blob_bytes),
          all(limits.blobs, 1),
          all_bytes(limits.bytes, limits.blob_bytes) {}

    void AddUploads(const std::string& tenant, int64_t count, int64_t bytes);
    void AddBlobs(const std::string& tenant, int64_t count, int64_t bytes);

    EqualShares uploads;
    EqualShares upload_bytes;
    EqualShares all;
    EqualShares all_bytes;
  };

  class Room;

  // For so many bytes more of an upload of the tenant's; null: one that begins. RESOURCE_EXHAUSTED, which changes
  // nothing: what may go is too little.
  absl::Status MakeRoom(const std::string& tenant, const Upload* upload, int64_t bytes);
  Blobs::iterator Forget(Blobs::iterator blob);

  const BlobLimits limits_;
  int64_t last_serial_ = 0;
  Held held_;
  // The least recently used first.
  Blobs blobs_;
  Uploads uploads_;
  std::map<core::BlobKey, Blobs::iterator> blobs_by_key_;
  std::map<std::pair<core::BlobKey, int64_t>, Uploads::iterator> uploads_by_key_;
  std::vector<std::shared_ptr<const void>> garbage_;
};

}  // namespace latentd::store
