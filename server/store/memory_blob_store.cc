#include "server/store/memory_blob_store.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "server/store/blob_errors.h"

namespace latentd::store {
namespace {

int64_t LargestBlob(const MemoryBlobStoreOptions& options) { return std::min(options.max_blob_bytes, options.bytes); }

core::BlobState StateOf(const KeptBlob& blob) {
  return {.received_size = blob.size(), .complete = true, .expire_time = blob.expire_time};
}

}  // namespace

// A look at the table, or a change of it: holds the lock, and does what has become necessary when giving it up.
class ABSL_SCOPED_LOCKABLE MemoryBlobStore::Change {
 public:
  // The analysis does not see that store_.mutex_ is held in here.
  explicit Change(MemoryBlobStore& store) ABSL_EXCLUSIVE_LOCK_FUNCTION(store.mutex_) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : store_(store) {
    store_.mutex_.Lock();
    now_ = store_.clock_->Now();
    before_ = store_.table_.usage();
  }

  ~Change() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    store_.alarm_.RingBy(store_.table_.NextTime());
    if (const core::BlobUsage usage = store_.table_.usage(); store_.on_usage_ && usage != before_) {
      store_.on_usage_(usage);
    }
    // Many megabytes, perhaps: freed without the lock.
    const std::vector<std::shared_ptr<const void>> garbage = store_.table_.TakeGarbage();
    store_.mutex_.Unlock();
  }

  absl::Time now() const { return now_; }

 private:
  MemoryBlobStore& store_;
  absl::Time now_;
  core::BlobUsage before_;
};

MemoryBlobStore::MemoryBlobStore(const MemoryBlobStoreOptions& options)
    : clock_(options.clock),
      max_blob_bytes_(LargestBlob(options)),
      on_usage_(options.on_usage),
      table_({.bytes = options.bytes,
              .upload_bytes = std::max(options.bytes / 2, LargestBlob(options)),
              .blob_bytes = LargestBlob(options),
              .blobs = options.max_blobs,
              .uploads = options.max_uploads,
              .ttl = options.ttl,
              .upload_ttl = options.upload_ttl}),
      alarm_(options.clock, [this] {
        Change change(*this);
        table_.Expire(change.now());
      }) {}

absl::StatusOr<core::BlobState> MemoryBlobStore::Put(const core::BlobPart& part) {
  const core::BlobKey key{.tenant = part.tenant, .sha256 = part.sha256};
  while (true) {
    std::shared_ptr<Upload> upload;
    {
      Change change(*this);
      if (const KeptBlob* blob = table_.Use(key, change.now()); blob != nullptr) {
        if (blob->size() != part.total_size) return BlobSizeDiffers(part, blob->size());
        return StateOf(*blob);
      }
      const bool asks = part.data.empty();
      if (asks && table_.FindUpload(key, part.total_size) == nullptr) return core::BlobState();
      auto charged = table_.Charge(key, part.total_size, static_cast<int64_t>(part.data.size()), change.now());
      if (!charged.ok()) return charged.status();
      upload = *std::move(charged);
    }
    if (auto state = Add(*upload, part)) return *std::move(state);
    // Another thread has finished it, or the clock: look again what there is.
  }
}

std::optional<absl::StatusOr<core::BlobState>> MemoryBlobStore::Add(Upload& upload, const core::BlobPart& part) {
  core::MutexLock adding(upload.mutex);
  {
    core::MutexLock lock(mutex_);
    if (upload.removed) return std::nullopt;
  }
  const absl::StatusOr<int64_t> added = upload.bytes.Add(part.offset, part.data);
  const bool whole = added.ok() && upload.bytes.whole();
  const std::string hash = whole ? upload.bytes.Sha256Hex() : "";

  Change change(*this);
  if (upload.removed) return std::nullopt;
  table_.GiveBack(upload, static_cast<int64_t>(part.data.size()) - added.value_or(0));
  if (!added.ok()) return added.status();
  if (!whole) {
    return core::BlobState{.received_size = upload.bytes.received_size(), .expire_time = upload.expire_time};
  }
  if (hash != upload.key.sha256) {
    table_.Remove(upload);
    return BlobHashDiffers(upload.key.sha256, hash);
  }
  return StateOf(table_.Keep(upload, std::move(upload.bytes).bytes(), change.now()));
}

absl::StatusOr<core::Blob> MemoryBlobStore::Find(const core::BlobKey& key) {
  Change change(*this);
  const KeptBlob* blob = table_.Use(key, change.now());
  return blob == nullptr ? core::Blob() : blob->data;
}

}  // namespace latentd::store
