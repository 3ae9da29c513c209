#include "server/store/redis/redis_blob_store.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/imaging/sha256.h"
#include "server/store/blob_errors.h"
#include "server/store/blob_upload.h"
#include "server/store/redis/job_reader.h"
#include "server/store/redis/scripts.h"

namespace latentd::store {
namespace {

RedisBlobStoreOptions Bounded(RedisBlobStoreOptions options) {
  options.max_blob_bytes = std::min(options.max_blob_bytes, options.bytes);
  return options;
}

int64_t UploadBytes(const RedisBlobStoreOptions& options) {
  return std::max(options.bytes / 2, options.max_blob_bytes);
}

// What blob_put.lua says when it does not take a part.
absl::Status Refusal(const core::BlobPart& part, const std::vector<RedisReply>& answer,
                     const RedisBlobStoreOptions& options) {
  const std::string& why = answer.at(0).text();
  const int64_t number = answer.at(1).number();
  if (why == "differs") return BlobPartDiffers(number);
  if (why == "scattered") return BlobPartsScattered(number, answer.at(2).number());
  if (why == "uploads") return TooManyUploads(number);
  if (why == "upload_bytes") return UploadsTooLarge(number, UploadBytes(options));
  return NoRoomForBlobs(
      static_cast<int64_t>(part.data.size()),
      {.blobs = number, .bytes = answer.at(2).number(), .uploads = 0, .upload_bytes = answer.at(3).number()},
      options.bytes);
}

}  // namespace

RedisBlobStore::RedisBlobStore(const RedisBlobStoreOptions& options)
    : options_(Bounded(options)), pool_({.address = options.address, .greeting = LoadScripts()}, options.clock) {}

absl::StatusOr<core::BlobState> RedisBlobStore::Put(const core::BlobPart& part) {
  const RedisCommand put = CallScript(
      "blob_put", options_.prefix,
      {part.tenant, part.sha256, absl::StrCat(part.total_size), absl::StrCat(part.offset), std::string(part.data),
       Ms(options_.ttl), Ms(options_.upload_ttl), absl::StrCat(BlobUpload::kMaxWaiting),
       absl::StrCat(options_.max_uploads), absl::StrCat(UploadBytes(options_)), absl::StrCat(options_.max_blobs),
       absl::StrCat(options_.bytes), absl::StrCat(options_.max_blob_bytes)});
  while (true) {
    const absl::StatusOr<RedisReply> reply = pool_.Run(put);
    if (!reply.ok()) return reply.status();
    const std::vector<RedisReply>& answer = reply->list();
    const std::string& what = answer.at(0).text();
    if (what == "none") return core::BlobState();
    const bool is_there = what == "there";
    if (is_there && answer.at(1).number() != part.total_size) return BlobSizeDiffers(part, answer.at(1).number());
    if (is_there || what == "part") {
      return core::BlobState{
          .received_size = answer.at(1).number(), .complete = is_there, .expire_time = FromMs(answer.at(2).text())};
    }
    if (what != "whole") return Refusal(part, answer, options_);
    if (auto ended = End(part, answer.at(3).text())) return *std::move(ended);
    // Another has ended it: look again what there is.
  }
}

std::optional<absl::StatusOr<core::BlobState>> RedisBlobStore::End(const core::BlobPart& part,
                                                                   const std::string& serial) {
  const std::string size = absl::StrCat(part.total_size);
  const absl::StatusOr<RedisReply> bytes =
      pool_.Run({"GET", absl::StrCat(options_.prefix, "start:", part.sha256, ":", size, ":", part.tenant)});
  if (!bytes.ok()) return bytes.status();
  if (bytes->is_nil()) return std::nullopt;
  // Bytes that are there never change, so that what has this serial is what was read, or a beginning of another upload.
  const std::string found = imaging::Sha256Hex(bytes->text());
  const bool is_right = found == part.sha256;
  const absl::StatusOr<RedisReply> ended = pool_.Run(CallScript(
      "blob_end", options_.prefix, {part.tenant, part.sha256, size, serial, is_right ? "1" : "0", Ms(options_.ttl)}));
  if (!ended.ok()) return ended.status();
  if (ended->is_nil()) return std::nullopt;
  if (!is_right) return BlobHashDiffers(part.sha256, found);
  return core::BlobState{.received_size = part.total_size, .complete = true, .expire_time = FromMs(ended->text())};
}

absl::StatusOr<core::Blob> RedisBlobStore::Find(const core::BlobKey& key) {
  auto replies = pool_.RunAll({CallScript("blob_use", options_.prefix, {key.tenant, key.sha256, Ms(options_.ttl)}),
                               {"GET", absl::StrCat(options_.prefix, "blob:", key.sha256, ":", key.tenant)}});
  for (const auto& reply : replies) {
    if (!reply.ok()) return reply.status();
  }
  if (replies[0]->number() == 0 || replies[1]->is_nil()) return nullptr;
  return std::make_shared<const std::string>(std::move(*replies[1]).text());
}

}  // namespace latentd::store
