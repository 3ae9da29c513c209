#include "server/store/blob_upload.h"

#include <algorithm>
#include <utility>

#include "server/store/blob_errors.h"

namespace latentd::store {
namespace {

// Where `data`, which lies at `offset`, first differs from `known`, which lies at `known_offset`, in the places that
// both have; npos: nowhere.
size_t FirstDifference(size_t offset, std::string_view data, size_t known_offset, std::string_view known) {
  const size_t begin = std::max(offset, known_offset);
  const size_t end = std::min(offset + data.size(), known_offset + known.size());
  if (begin >= end) return std::string::npos;
  const std::string_view new_bytes = data.substr(begin - offset, end - begin);
  const std::string_view old_bytes = known.substr(begin - known_offset, end - begin);
  const auto found = std::mismatch(new_bytes.begin(), new_bytes.end(), old_bytes.begin());
  return found.first == new_bytes.end() ? std::string::npos : begin + (found.first - new_bytes.begin());
}

}  // namespace

std::map<size_t, size_t> BlobUpload::Gaps(size_t begin, size_t end) const {
  std::map<size_t, size_t> gaps;
  begin = std::max(begin, start_.size());
  for (const auto& [offset, data] : waiting_) {
    if (offset >= end) break;
    if (offset > begin) gaps[begin] = offset;
    begin = std::max(begin, offset + data.size());
  }
  if (begin < end) gaps[begin] = end;
  return gaps;
}

absl::StatusOr<int64_t> BlobUpload::Add(int64_t offset, std::string_view data) {
  const auto begin = static_cast<size_t>(offset);
  size_t difference = FirstDifference(begin, data, 0, start_);
  for (const auto& [known_offset, known] : waiting_) {
    if (known_offset >= begin + data.size()) break;
    difference = std::min(difference, FirstDifference(begin, data, known_offset, known));
  }
  if (difference != std::string::npos) return BlobPartDiffers(static_cast<int64_t>(difference));

  const std::map<size_t, size_t> gaps = Gaps(begin, begin + data.size());
  const bool continues = !gaps.empty() && gaps.begin()->first == start_.size();
  if (waiting_.size() + gaps.size() - (continues ? 1 : 0) > kMaxWaiting) {
    return BlobPartsScattered(static_cast<int64_t>(waiting_.size()), received_size());
  }
  int64_t added = 0;
  for (const auto& [from, to] : gaps) {
    const std::string_view part = data.substr(from - begin, to - from);
    added += static_cast<int64_t>(part.size());
    if (from == start_.size()) {
      Append(part);
    } else {
      waiting_.emplace(from, part);
    }
  }
  while (!waiting_.empty() && waiting_.begin()->first == start_.size()) {
    Append(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
  return added;
}

void BlobUpload::Append(std::string_view data) {
  const size_t size = start_.size() + data.size();
  if (size > start_.capacity()) {
    // By hand, since a string's own growth may end with far more than the blob needs.
    std::string larger;
    larger.reserve(std::min(total_size_, std::max(size, 2 * start_.size())));
    larger.append(start_);
    start_.swap(larger);
  }
  start_.append(data);
  hash_.Update(data);
}

}  // namespace latentd::store
