#include "server/engine/checkpoint.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/engine/status.h"
#include "server/log/log.h"

namespace latentd::engine {

core::Checkpoint CheckpointOf(const RunningJob& job) {
  const core::Checkpoint& former = job.claimed.checkpoint;
  if (job.sampler == nullptr) return former;  // nothing has happened to it
  core::Checkpoint checkpoint{.step = job.rows.empty() ? 0 : std::numeric_limits<int>::max(), .usage = job.usage};
  for (const auto& entry : job.rows) {
    const Row* const row = entry.second.get();
    std::string bytes;
    const bool begun = row->latent.defined() &&
                       Guarded([&] { bytes = RowState::Of(row->latent, row->sampler, row->generator).Save(); }).ok();
    const auto before = former.rows.find(row->index);
    if (begun) {
      checkpoint.rows.emplace(row->index, std::make_shared<const std::string>(std::move(bytes)));
    } else if (before != former.rows.end()) {
      checkpoint.rows.insert(*before);
    }
    const int steps = begun ? StepsDone(*row) : before != former.rows.end() ? former.step : 0;
    checkpoint.step = std::min(checkpoint.step, steps);
  }
  return checkpoint;
}

std::optional<RowState> ResumedState(const RunningJob& job, int index, at::IntArrayRef latent_shape) {
  const auto saved = job.claimed.checkpoint.rows.find(index);
  if (saved == job.claimed.checkpoint.rows.end()) return std::nullopt;
  std::vector<int64_t> shape(latent_shape.begin(), latent_shape.end());
  if (job.adapters->motion() != nullptr) shape.insert(shape.begin() + 1, job.request().frames());
  absl::StatusOr<RowState> state = RowState::Read(*saved->second, job.steps, shape);
  if (state.ok()) return *std::move(state);
  log::Warn("a checkpoint cannot be used: the row begins anew",
            {{"job", job.claimed.name}, {"row", int64_t{index}}, {"error", std::string(state.status().message())}});
  return std::nullopt;
}

}  // namespace latentd::engine
