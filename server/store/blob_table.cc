#include "server/store/blob_table.h"

#include <algorithm>

#include "server/store/blob_errors.h"

namespace latentd::store {
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
  if (absl::Status room = MakeRoom(key.tenant, upload.get(), bytes); !room.ok()) return room;

  if (begins) {
    upload = std::make_shared<Upload>(key, total_size, ++last_serial_);
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

// What would have to go. Whether that is enough comes first: nothing is forgotten in vain.
class BlobTable::Room {
 public:
  Room(const Held& held, const std::string& tenant, const Upload* upload, int64_t bytes)
      : tenant_(tenant), upload_(upload), begun_(upload == nullptr ? 1 : 0), bytes_(bytes), left(held) {}

  bool In(const EqualShares& count, const EqualShares& size) const {
    return count.HasRoom(begun_) && size.HasRoom(bytes_);
  }
  bool InUploads() const { return In(left.uploads, left.upload_bytes); }
  bool InAll() const { return In(left.all, left.all_bytes); }

  // `youngest`: uploads; those that stop are taken out.
  void StopUploads(std::list<std::shared_ptr<Upload>>& youngest, const EqualShares& count, const EqualShares& size) {
    for (auto next = youngest.begin(); next != youngest.end() && !In(count, size);) {
      const auto upload = next++;
      const std::string& owner = (*upload)->key.tenant;
      if (owner == tenant_) continue;
      const bool began_later = upload_ != nullptr && (*upload)->serial > upload_->serial;
      const bool has_much = (!count.HasRoom(begun_) && count.StopsWork(owner, tenant_, begun_)) ||
                            (!size.HasRoom(bytes_) && size.StopsWork(owner, tenant_, bytes_));
      if (!began_later && !has_much) continue;
      left.AddUploads(owner, -1, -(*upload)->charged);
      stopped.splice(stopped.end(), youngest, upload);
    }
  }

  void ForgetBlobs(Blobs& blobs) {
    for (auto blob = blobs.begin(); blob != blobs.end() && !InAll(); ++blob) {
      const std::string& owner = blob->key.tenant;
      const bool gives_way = (!left.all.HasRoom(begun_) && left.all.GivesWay(owner, tenant_, begun_)) ||
                             (!left.all_bytes.HasRoom(bytes_) && left.all_bytes.GivesWay(owner, tenant_, bytes_));
      if (blob->in_use() || !gives_way) continue;
      left.AddBlobs(owner, -1, -blob->size());
      forgotten.push_back(blob);
    }
  }

 private:
  const std::string& tenant_;
  const Upload* const upload_;
  const int64_t begun_;
  const int64_t bytes_;

 public:
  Held left;
  std::list<std::shared_ptr<Upload>> stopped;
  std::vector<Blobs::iterator> forgotten;
};

absl::Status BlobTable::MakeRoom(const std::string& tenant, const Upload* upload, int64_t bytes) {
  Room room(held_, tenant, upload, bytes);
  if (room.InUploads() && room.InAll()) return absl::OkStatus();
  std::list<std::shared_ptr<Upload>> youngest(uploads_);
  youngest.sort([](const auto& a, const auto& b) { return a->serial > b->serial; });

  room.StopUploads(youngest, room.left.uploads, room.left.upload_bytes);
  if (!room.left.uploads.HasRoom(upload == nullptr ? 1 : 0)) {
    return TooManyUploads(held_.uploads.total());
  }
  if (!room.left.upload_bytes.HasRoom(bytes)) {
    return UploadsTooLarge(held_.upload_bytes.total(), limits_.upload_bytes);
  }
  room.ForgetBlobs(blobs_);
  room.StopUploads(youngest, room.left.all, room.left.all_bytes);
  if (!room.InAll()) return NoRoomForBlobs(bytes, usage(), limits_.bytes);
  for (const auto& each : room.stopped) Remove(*each);
  for (const auto& blob : room.forgotten) Forget(blob);
  return absl::OkStatus();
}

BlobTable::Blobs::iterator BlobTable::Forget(Blobs::iterator blob) {
  held_.AddBlobs(blob->key.tenant, -1, -blob->size());
  garbage_.push_back(std::move(blob->data));
  blobs_by_key_.erase(blob->key);
  return blobs_.erase(blob);
}

}  // namespace latentd::store
