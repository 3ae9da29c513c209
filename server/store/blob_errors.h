#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/core/blob_store.h"

namespace latentd::store {

// Why a part of a blob is not taken, as core::BlobStore::Put has it.

// The blob is there, and has another size.
absl::Status BlobSizeDiffers(const core::BlobPart& part, int64_t size);
// A byte of the blob is not the one that came before.
absl::Status BlobPartDiffers(int64_t place);
// All came, and have another hash.
absl::Status BlobHashDiffers(const std::string& announced, const std::string& found);
// So many parts wait for the byte at `place`.
absl::Status BlobPartsScattered(int64_t waiting, int64_t place);

// There is no room among what is still arriving, …
absl::Status TooManyUploads(int64_t uploads);
absl::Status UploadsTooLarge(int64_t bytes, int64_t limit);
// … or at all, for `bytes` more.
absl::Status NoRoomForBlobs(int64_t bytes, const core::BlobUsage& there, int64_t limit);

}  // namespace latentd::store
