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
  if (absl::Status room = MakeRoom(key.tenant, begins ? 1 : 0, bytes); !room.ok()) return room;

  if (begins) {
    upload = std::make_shared<Upload>(key, total_size);
    uploads_by_key_[std::pair(key, total_size)] = uploads_.insert(uploads_.end(), upload);
  } else {
    uploads_.splice(uploads_.end(), uploads_, uploads_by_key_.at(std::pair(key, total_size)));
  }
  upload->expire_time = now + limits_.upload_ttl;
  upload->charged += bytes;
  held_.AddUploads(key.tenant, begins ? 1 : 0, bytes);
  return upload;
}

void BlobTable::GiveBack(Upload& upload, int64_t bytes) {
  upload.charged -= bytes;
  held_.AddUploads(upload.key.tenant, 0, -bytes);
}

const KeptBlob& BlobTable::Keep(Upload& upload, std::string bytes, absl::Time now) {
  Remove(upload);
  auto data = std::make_shared<const std::string>(std::move(bytes));
  const auto blob = blobs_.insert(
      blobs_.end(), KeptBlob{.key = upload.key, .data = std::move(data), .expire_time = now + limits_.ttl});
  blobs_by_key_[upload.key] = blob;
  held_.AddBlobs(upload.key.tenant, 1, blob->size());
  return *blob;
}

void BlobTable::Remove(Upload& upload) {
  upload.removed = true;
  held_.AddUploads(upload.key.tenant, -1, -upload.charged);
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

core::BlobUsage BlobTable::usage() const {
  const int64_t uploads = held_.uploads.total();
  const int64_t upload_bytes = held_.upload_bytes.total();
  return {.blobs = held_.all.total() - uploads,
          .bytes = held_.all_bytes.total() - upload_bytes,
          .uploads = uploads,
          .upload_bytes = upload_bytes};
}

void BlobTable::Held::AddUploads(const std::string& tenant, int64_t count, int64_t bytes) {
  uploads.Add(tenant, count);
  upload_bytes.Add(tenant, bytes);
  AddBlobs(tenant, count, bytes);
}

void BlobTable::Held::AddBlobs(const std::string& tenant, int64_t count, int64_t bytes) {
  all.Add(tenant, count);
  all_bytes.Add(tenant, bytes);
}

absl::Status BlobTable::MakeRoom(const std::string& tenant, int64_t uploads, int64_t bytes) {
  const auto has_room = [&](const EqualShares& count, const EqualShares& size) {
    return count.HasRoom(uploads) && size.HasRoom(bytes);
  };
  if (has_room(held_.uploads, held_.upload_bytes) && has_room(held_.all, held_.all_bytes)) return absl::OkStatus();
  const auto gives_way = [&](const std::string& owner, const EqualShares& count, const EqualShares& size) {
    return (!count.HasRoom(uploads) && count.GivesWay(owner, tenant, uploads)) ||
           (!size.HasRoom(bytes) && size.GivesWay(owner, tenant, bytes));
  };

  // Whether it can be done comes first: nothing is forgotten in vain.
  Held left = held_;
  std::vector<std::shared_ptr<Upload>> stopped;
  for (const std::shared_ptr<Upload>& upload : uploads_) {
    const std::string& owner = upload->key.tenant;
    if (owner == tenant || !gives_way(owner, left.uploads, left.upload_bytes)) continue;
    left.AddUploads(owner, -1, -upload->charged);
    stopped.push_back(upload);
  }
  if (!left.uploads.HasRoom(uploads)) {
    return NoRoom(absl::StrCat(held_.uploads.total(), " blobs are still arriving: finish one of them first"),
                  "BLOB_UPLOADS_FULL", "blobs that are still arriving");
  }
  if (!left.upload_bytes.HasRoom(bytes)) {
    return NoRoom(absl::StrCat("blobs that are still arriving hold ", held_.upload_bytes.total(), " of ",
                               limits_.upload_bytes, " bytes: finish one of them first"),
                  "BLOB_UPLOADS_FULL", "bytes of blobs that are still arriving");
  }
  std::vector<Blobs::iterator> forgotten;
  for (auto blob = blobs_.begin(); blob != blobs_.end(); ++blob) {
    if (blob->in_use() || !gives_way(blob->key.tenant, left.all, left.all_bytes)) continue;
    left.AddBlobs(blob->key.tenant, -1, -blob->size());
    forgotten.push_back(blob);
  }
  if (!has_room(left.all, left.all_bytes)) {
    const core::BlobUsage there = usage();
    return NoRoom(absl::StrCat("there is no room for ", bytes, " more bytes: ", there.blobs, " blobs of ", there.bytes,
                               " bytes are there, ", there.upload_bytes, " bytes of others, of ", limits_.bytes,
                               " in all, and those that jobs refer to stay"),
                  "BLOBS_FULL", "bytes of blobs");
  }
  for (const auto& upload : stopped) Remove(*upload);
  for (const auto& blob : forgotten) Forget(blob);
  return absl::OkStatus();
}

BlobTable::Blobs::iterator BlobTable::Forget(Blobs::iterator blob) {
  held_.AddBlobs(blob->key.tenant, -1, -blob->size());
  garbage_.push_back(std::move(blob->data));
  blobs_by_key_.erase(blob->key);
  return blobs_.erase(blob);
}

}  // namespace latentd::store
