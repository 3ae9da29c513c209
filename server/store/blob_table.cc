#include "server/store/blob_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

absl::Status NoRoom(const std::string& message, const char* reason, const char* quota) {
  return core::MakeError(absl::StatusCode::kResourceExhausted, message, {.reason = reason, .quota = quota});
}

}  // namespace

const KeptBlob* BlobTable::Use(const core::BlobKey& key, absl::Time now) {
  const auto found = blobs_by_key_.find(key);
  if (found == blobs_by_key_.end()) return nullptr;
  blobs_.splice(blobs_.end(), blobs_, found->second);
  found->second->expire_time = now + limits_.ttl;
  return &*found->second;
}

std::shared_ptr<Upload> BlobTable::FindUpload(const core::BlobKey& key, int64_t total_size) const {
  const auto found = uploads_by_key_.find(std::pair(key, total_size));
  return found == uploads_by_key_.end() ? nullptr : *found->second;
}

absl::StatusOr<std::shared_ptr<Upload>> BlobTable::Charge(const core::BlobKey& key, int64_t total_size, int64_t bytes,
                                                          absl::Time now) {
  std::shared_ptr<Upload> upload = FindUpload(key, total_size);
  const bool begins = upload == nullptr;
  if (begins && usage_.uploads >= limits_.uploads) {
    return NoRoom(absl::StrCat(usage_.uploads, " blobs are still arriving: finish one of them first"),
                  "BLOB_UPLOADS_FULL", "blobs that are still arriving");
  }
  if (usage_.upload_bytes + bytes > limits_.upload_bytes) {
    return NoRoom(absl::StrCat("blobs that are still arriving hold ", usage_.upload_bytes, " of ", limits_.upload_bytes,
                               " bytes: finish one of them first"),
                  "BLOB_UPLOADS_FULL", "bytes of blobs that are still arriving");
  }
  if (absl::Status room = MakeRoom(bytes, begins ? 1 : 0); !room.ok()) return room;

  if (begins) {
    upload = std::make_shared<Upload>(key, total_size);
    uploads_by_key_[std::pair(key, total_size)] = uploads_.insert(uploads_.end(), upload);
    ++usage_.uploads;
  } else {
    uploads_.splice(uploads_.end(), uploads_, uploads_by_key_.at(std::pair(key, total_size)));
  }
  upload->expire_time = now + limits_.upload_ttl;
  upload->charged += bytes;
  usage_.upload_bytes += bytes;
  return upload;
}

void BlobTable::GiveBack(Upload& upload, int64_t bytes) {
  upload.charged -= bytes;
  usage_.upload_bytes -= bytes;
}

const KeptBlob& BlobTable::Keep(Upload& upload, std::string bytes, absl::Time now) {
  Remove(upload);
  auto data = std::make_shared<const std::string>(std::move(bytes));
  const auto blob = blobs_.insert(
      blobs_.end(), KeptBlob{.key = upload.key, .data = std::move(data), .expire_time = now + limits_.ttl});
  blobs_by_key_[upload.key] = blob;
  ++usage_.blobs;
  usage_.bytes += blob->size();
  return *blob;
}

void BlobTable::Remove(Upload& upload) {
  upload.removed = true;
  --usage_.uploads;
  usage_.upload_bytes -= upload.charged;
  const auto place = uploads_by_key_.find(std::pair(upload.key, upload.total_size));
  garbage_.push_back(std::move(*place->second));
  uploads_.erase(place->second);
  uploads_by_key_.erase(place);
}

void BlobTable::Expire(absl::Time now) {
  for (auto blob = blobs_.begin(); blob != blobs_.end() && blob->expire_time <= now;) {
    if (!blob->in_use()) {
      blob = Forget(blob);
      continue;
    }
    blob->expire_time = now + limits_.ttl;
    blobs_.splice(blobs_.end(), blobs_, blob++);
  }
  while (!uploads_.empty() && uploads_.front()->expire_time <= now) Remove(*uploads_.front());
}

absl::Time BlobTable::NextTime() const {
  return std::min(blobs_.empty() ? absl::InfiniteFuture() : blobs_.front().expire_time,
                  uploads_.empty() ? absl::InfiniteFuture() : uploads_.front()->expire_time);
}

absl::Status BlobTable::MakeRoom(int64_t bytes, int blobs) {
  // Whether it can be done comes first: nothing is forgotten in vain.
  int64_t unused = 0;
  int64_t unused_bytes = 0;
  for (const KeptBlob& blob : blobs_) {
    if (HasRoom(bytes - unused_bytes, blobs - unused)) break;
    if (blob.in_use()) continue;
    ++unused;
    unused_bytes += blob.size();
  }
  if (!HasRoom(bytes - unused_bytes, blobs - unused)) {
    return NoRoom(absl::StrCat("there is no room for ", bytes, " more bytes: ", usage_.blobs, " blobs of ",
                               usage_.bytes, " bytes are there, ", usage_.upload_bytes, " bytes of others, of ",
                               limits_.bytes, " in all, and those that jobs refer to stay"),
                  "BLOBS_FULL", "bytes of blobs");
  }
  for (auto blob = blobs_.begin(); !HasRoom(bytes, blobs) && blob != blobs_.end();) {
    blob = blob->in_use() ? std::next(blob) : Forget(blob);
  }
  return absl::OkStatus();
}

bool BlobTable::HasRoom(int64_t bytes, int64_t blobs) const {
  return usage_.bytes + usage_.upload_bytes + bytes <= limits_.bytes &&
         usage_.blobs + usage_.uploads + blobs <= limits_.blobs;
}

BlobTable::Blobs::iterator BlobTable::Forget(Blobs::iterator blob) {
  --usage_.blobs;
  usage_.bytes -= blob->size();
  garbage_.push_back(std::move(blob->data));
  blobs_by_key_.erase(blob->key);
  return blobs_.erase(blob);
}

}  // namespace latentd::store
