#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/blob.h"
#include "server/core/generation_request.h"

namespace latentd::core {

// What a blob is known by. Tenants have nothing in common: who knows the hash of another's picture has not got it.
struct BlobKey {
  std::string tenant{};
  std::string sha256{};  // lower-case hex

  auto operator<=>(const BlobKey&) const = default;
};

// A part of a blob, as its sender has it.
struct BlobPart {
  std::string sha256{};     // of the whole blob, lower-case hex
  int64_t total_size = 0;   // bytes of the whole blob
  int64_t offset = 0;       // where the part begins in it
  std::string_view data{};  // empty: the sender only asks what is there
  std::string tenant{};     // the sender's
};

// What is there of a blob.
struct BlobState {
  int64_t received_size = 0;  // bytes without a gap from the start
  bool complete = false;
  // When it will be forgotten unless somebody uses it, or sends more of it, before. Empty: nothing is there.
  std::optional<absl::Time> expire_time{};
};

// What a store holds.
struct BlobUsage {
  int64_t blobs = 0;  // complete
  int64_t bytes = 0;  // of those
  int64_t uploads = 0;
  int64_t upload_bytes = 0;

  bool operator==(const BlobUsage&) const = default;
};

// Large inputs, known by the SHA-256 of their bytes. Thread-safe. One in memory blocks for no longer than hashing a part
// takes; one elsewhere waits for it, and its errors (UNAVAILABLE, RESOURCE_EXHAUSTED) may come from each call.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // The largest blob that is taken. 0: none is.
  virtual int64_t max_blob_bytes() const = 0;

  // Adds a part. Parts may come in any order, overlap and be repeated. The blob is there once all of its bytes are and
  // their hash is right; a part of a blob that is there counts as a use of it and changes nothing. Errors:
  //   INVALID_ARGUMENT    with the violated field: the bytes differ from those that came before for the same place, or
  //                       the size from that of the blob that is there. The part is not taken; nothing else is lost
  //   RESOURCE_EXHAUSTED  no room; says of what. The part is not taken; nothing else is lost
  //   DATA_LOSS           all bytes are there and have another hash (reason BLOB_HASH_MISMATCH): all are dropped
  // REQUIRES: CheckBlobPart finds nothing wrong with it.
  virtual absl::StatusOr<BlobState> Put(const BlobPart& part) = 0;

  // The blob, which counts as a use of it; null when it is not there. Errors are those of a store elsewhere.
  virtual absl::StatusOr<Blob> Find(const BlobKey& key) = 0;
};

// Whether this is how a SHA-256 is written: 64 lower-case hexadecimal digits.
bool IsSha256(std::string_view text);
// What is wrong with a text that is none.
constexpr char kSha256Form[] = "must be a SHA-256: 64 lower-case hexadecimal digits";

// What is wrong with a part as such, by the names that the API gives its fields.
std::vector<FieldViolation> CheckBlobPart(const BlobPart& part, int64_t max_blob_bytes);

// NOT_FOUND (reason BLOB_NOT_FOUND): the resource is the first of `hashes`, the metadata "blobs" has them all, with
// commas between. REQUIRES: there are some.
absl::Status BlobNotFound(std::string_view message, const std::vector<std::string>& hashes);

}  // namespace latentd::core
