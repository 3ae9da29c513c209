#include "server/core/batching_policy.h"

#include <algorithm>

namespace latentd::core {

int BatchingPolicy::MaxRows(const BatchKey& key, Stage stage) const {
  const auto lowered = lowered_.find({key, stage});
  return lowered == lowered_.end() ? Configured(stage) : lowered->second.rows;
}

void BatchingPolicy::Shrink(const BatchKey& key, Stage stage, int rows) {
  if (rows >= MaxRows(key, stage)) return;
  lowered_[{key, stage}] = {.rows = std::max(1, rows), .clean_runs = 0};
}

void BatchingPolicy::OnCleanRun(const BatchKey& key, Stage stage) {
  const auto found = lowered_.find({key, stage});
  if (found == lowered_.end()) return;
  Lowered& lowered = found->second;
  if (++lowered.clean_runs < kCleanRunsPerRow) return;
  lowered.clean_runs = 0;
  if (++lowered.rows >= Configured(stage)) lowered_.erase(found);
}

int BatchingPolicy::Configured(Stage stage) const {
  switch (stage) {
    case Stage::kEncode:
      return options_.max_encode_rows;
    case Stage::kPredict:
      return options_.max_batch_rows;
    case Stage::kDecode:
      return options_.max_decode_rows;
  }
  return 1;
}

}  // namespace latentd::core
