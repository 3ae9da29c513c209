#include "server/store/blob_errors.h"

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

absl::Status BadField(const char* field, const std::string& what) {
  return core::MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(field, " ", what),
                         {.reason = "INVALID_FIELDS", .violations = {{field, what}}});
}

absl::Status NoRoom(const std::string& message, const char* reason, const char* quota) {
  return core::MakeError(absl::StatusCode::kResourceExhausted, message, {.reason = reason, .quota = quota});
}

}  // namespace

absl::Status BlobSizeDiffers(const core::BlobPart& part, int64_t size) {
  return BadField("total_size", absl::StrCat("must be ", size, ", the size of that blob; got ", part.total_size));
}

absl::Status BlobPartDiffers(int64_t place) {
  return BadField("data", absl::StrCat("differs at byte ", place, " of the blob from what was sent before"));
}

absl::Status BlobHashDiffers(const std::string& announced, const std::string& found) {
  return core::MakeError(absl::StatusCode::kDataLoss,
                         absl::StrCat("the bytes that came for the blob ", announced, " have the SHA-256 ", found,
                                      "; all of them were dropped"),
                         {.reason = "BLOB_HASH_MISMATCH",
                          .metadata = {{"found_sha256", found}},
                          .resource_type = "blob",
                          .resource_name = announced});
}

absl::Status BlobPartsScattered(int64_t waiting, int64_t place) {
  return NoRoom(absl::StrCat(waiting, " parts of the blob wait for those before them: send from byte ", place,
                             ", or larger parts"),
                "BLOB_PARTS_SCATTERED", "parts of a blob out of order");
}

absl::Status TooManyUploads(int64_t uploads) {
  return NoRoom(absl::StrCat(uploads, " blobs are still arriving: finish one of them first"), "BLOB_UPLOADS_FULL",
                "blobs that are still arriving");
}

absl::Status UploadsTooLarge(int64_t bytes, int64_t limit) {
  return NoRoom(
      absl::StrCat("blobs that are still arriving hold ", bytes, " of ", limit, " bytes: finish one of them first"),
      "BLOB_UPLOADS_FULL", "bytes of blobs that are still arriving");
}

absl::Status NoRoomForBlobs(int64_t bytes, const core::BlobUsage& there, int64_t limit) {
  return NoRoom(absl::StrCat("there is no room for ", bytes, " more bytes: ", there.blobs, " blobs of ", there.bytes,
                             " bytes are there, ", there.upload_bytes, " bytes of others, of ", limit,
                             " in all, and those that jobs refer to stay"),
                "BLOBS_FULL", "bytes of blobs");
}

}  // namespace latentd::store
