#include "server/engine/canary.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <optional>
#include <vector>

#include "server/core/errors.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

// What models get that cannot begin with noise alone: each takes of it what it needs.
model::TaskInputs BlackPictures(int edge, const std::vector<int64_t>& latent) {
  model::TaskInputs inputs;
  inputs.picture = at::zeros({edge, edge, 3}, at::kByte);
  inputs.mask = at::full({edge, edge}, 255, at::kByte);
  inputs.low_res = at::zeros({latent[1], latent[2], 3}, at::kByte);
  return inputs;
}

bool BeginsWithNoise(const core::ModelInfo& info) {
  using core::Task;
  return info.Does(Task::kTextToImage) || info.Does(Task::kClassToImage) || info.Does(Task::kUnconditional);
}

absl::Status Step(const core::ModelInfo& info, model::DiffusionModel& model) {
  const std::shared_ptr<const model::Sampler> sampler =
      model.MakeSampler({.kind = *model::ParseSamplerKind(info.default_sampler), .steps = info.default_steps});
  const std::vector<model::Prompt> prompts(1, {.text = "", .literal = true});
  const model::Conditioning nothing = model.Encode(prompts).front();
  const std::vector<int64_t> shape = model.LatentShape(info.min_size, info.min_size);
  std::optional<model::EncodedInputs> inputs;
  if (!BeginsWithNoise(info)) inputs = model.EncodeInputs(BlackPictures(info.min_size, shape));
  at::Generator generator = at::detail::createCPUGenerator(/*seed=*/0);
  model::RowStart row = model.Start(inputs ? &*inputs : nullptr, shape, *sampler, generator);

  const std::vector<model::PredictRow> rows(
      1, {.latent = sampler->ScaleModelInput(row.sampler, row.latent),
          .concat = row.scale_concat ? sampler->ScaleModelInput(row.sampler, row.concat) : row.concat,
          .class_label = row.class_label,
          .timestep = sampler->Timestep(row.sampler),
          .cond = &nothing});
  const at::Tensor prediction = model.Predict(rows).front();
  const at::Tensor latent = sampler->Advance(row.sampler, row.latent, prediction, generator).latent;
  if (at::isfinite(latent).all().item<bool>()) return absl::OkStatus();
  return core::MakeError(absl::StatusCode::kInternal, "the step gave NaN or infinite values", {.reason = "NOT_FINITE"});
}

}  // namespace

absl::Status RunCanary(const core::ModelInfo& info, model::DiffusionModel& model) {
  return GuardedStatus([&] { return Step(info, model); });
}

Canary::~Canary() {
  if (timer_) options_.clock->Cancel(*timer_);
}

bool Canary::IsDue(bool on_time, bool has_jobs) {
  if (options_.every == absl::ZeroDuration()) return false;
  if (on_time) timer_.reset();
  const absl::Time now = options_.clock->Now();
  if (has_jobs) {
    worked_at_ = now;
    return false;
  }
  if (on_time && worked_at_ + options_.every <= now) return true;
  SetTimer();
  return false;
}

void Canary::SetResult(const absl::Status& status) {
  Tell(status);
  worked_at_ = options_.clock->Now();
  SetTimer();
}

void Canary::Skip() { SetResult(absl::OkStatus()); }

void Canary::NoteStep() {
  if (failed_) Tell(absl::OkStatus());
}

void Canary::Tell(const absl::Status& status) {
  const bool failed_before = std::exchange(failed_, !status.ok());
  if (options_.on_result && (failed_before || !status.ok())) options_.on_result(status);
}

void Canary::SetTimer() {
  if (!timer_) timer_ = options_.clock->At(worked_at_ + options_.every, options_.on_time);
}

}  // namespace latentd::engine
