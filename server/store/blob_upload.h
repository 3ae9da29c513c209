#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/imaging/sha256.h"

namespace latentd::store {

// The bytes of a blob while they arrive, in any order. What has come without a gap from the start is one string, hashed
// as it grows; other parts wait beside it until the gap before them is closed. Takes memory for the bytes that came,
// and as much again at most, whatever size was announced. Not thread-safe.
class BlobUpload {
 public:
  // Parts that wait for what is before them, at most: each costs more than its bytes.
  static constexpr size_t kMaxWaiting = 1024;

  // REQUIRES: total_size > 0.
  explicit BlobUpload(int64_t total_size) : total_size_(static_cast<size_t>(total_size)) {}

  // Adds a part; gives how many of its bytes are new. Errors, which change nothing: INVALID_ARGUMENT (a byte differs
  // from what came before for its place; says which), RESOURCE_EXHAUSTED (too many parts would wait).
  // REQUIRES: it lies within total_size; bytes() was not called.
  absl::StatusOr<int64_t> Add(int64_t offset, std::string_view data);

  int64_t received_size() const { return static_cast<int64_t>(start_.size()); }
  bool whole() const { return start_.size() == total_size_; }

  // REQUIRES: whole(); called once.
  std::string Sha256Hex() { return hash_.Hex(); }
  std::string bytes() && { return std::move(start_); }

 private:
  // The parts of [begin, end) that did not come yet, as begins and ends.
  std::map<size_t, size_t> Gaps(size_t begin, size_t end) const;
  void Append(std::string_view data);

  const size_t total_size_;
  std::string start_;
  imaging::Sha256 hash_;                   // of start_
  std::map<size_t, std::string> waiting_;  // by offset; they neither touch start_ nor overlap
};

}  // namespace latentd::store
