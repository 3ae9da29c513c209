#include "client/cpp/output_assembler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/sha256.h"

namespace latentd::client {
namespace {

// What is set aside on the word of an announcement alone.
constexpr int64_t kMaxReserve = 64 << 20;

bool HasBytes(const v1::Output& info) { return info.state() == v1::Output::STATE_OK; }

absl::Status Damaged(int32_t index, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("output ", index, " arrived damaged: ", what));
}

absl::StatusOr<const Output*> IfWhole(const Output& output) {
  if (static_cast<int64_t>(output.data.size()) < output.info.size()) {
    return nullptr;
  }
  if (Sha256Hex(output.data) != output.info.sha256()) {
    return Damaged(output.info.index(), "its SHA-256 is not the announced one");
  }
  return &output;
}

}  // namespace

absl::StatusOr<const Output*> OutputAssembler::Announce(const v1::Output& info) {
  const auto [entry, added] = outputs_.try_emplace(info.index(), Output{info, {}});
  if (!added) {
    return Damaged(info.index(), "it was announced twice");
  }
  Output& output = entry->second;
  if (!HasBytes(info)) {
    return &output;
  }
  output.data.reserve(std::clamp<int64_t>(info.size(), 0, kMaxReserve));
  return IfWhole(output);
}

absl::StatusOr<const Output*> OutputAssembler::Add(const v1::OutputChunk& chunk) {
  const auto found = outputs_.find(chunk.index());
  if (found == outputs_.end()) {
    if (joined_late_) {
      return nullptr;
    }
    return Damaged(chunk.index(), "its bytes came before its announcement");
  }
  Output& output = found->second;
  const auto have = static_cast<int64_t>(output.data.size());
  if (chunk.offset() != have) {
    return Damaged(chunk.index(), absl::StrCat("a chunk begins at byte ", chunk.offset(), " instead of ", have));
  }
  if (!HasBytes(output.info) || static_cast<int64_t>(chunk.data().size()) > output.info.size() - have) {
    return Damaged(chunk.index(), "more bytes than announced");
  }
  output.data.append(chunk.data());
  return IfWhole(output);
}

absl::StatusOr<std::vector<Output>> OutputAssembler::Finish() {
  std::vector<Output> outputs;
  for (auto& [index, output] : outputs_) {
    const auto have = static_cast<int64_t>(output.data.size());
    if (HasBytes(output.info) && have != output.info.size()) {
      return Damaged(index, absl::StrCat(have, " of ", output.info.size(), " bytes came"));
    }
    outputs.push_back(std::move(output));
  }
  outputs_.clear();
  return outputs;
}

}  // namespace latentd::client
