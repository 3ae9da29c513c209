#include "server/engine/executor.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

constexpr size_t kMaxPaces = 256;  // sizes of pictures that estimates are kept for

model::SizeCondition ToModel(const core::SizeConditioning& sizes) {
  return {.original_width = sizes.original_width,
          .original_height = sizes.original_height,
          .crop_left = sizes.crop_left,
          .crop_top = sizes.crop_top,
          .target_width = sizes.target_width,
          .target_height = sizes.target_height,
          .aesthetic_score = sizes.aesthetic_score.value_or(0)};
}

// Whether the row's next evaluation is told of its job's boxes: the first share of all, as diffusers counts it.
bool IsGrounded(const Row& row) {
  const RunningJob& job = *row.job;
  if (job.grounding.boxes.empty()) return false;
  return row.sampler.evaluation <
         static_cast<int>(job.request().scheduled_sampling_beta() * job.sampler->evaluations());
}

// Whether the row's last evaluation was the last one of a step.
bool EndedStep(const Row& row) { return StepsDone(row) > row.job->sampler->StepsDone(row.sampler.evaluation - 1); }

int DecodeRuns(int frames) { return (frames + RowDecoder::kFramesAtOnce - 1) / RowDecoder::kFramesAtOnce; }

// Each value moves the mean by a tenth, so that an estimate follows a change of the batch within seconds.
void Smooth(std::optional<double>& mean, double value) { mean = mean ? *mean + 0.1 * (value - *mean) : value; }

}  // namespace

Executor::Executor(const Options& options)
    : options_(options),
      encoder_(options.conditioning_cache_bytes, options.observer),
      decoder_(options.observer, options.withhold_flagged),
      previewer_(options.withhold_flagged) {}

Executor::Outcome Executor::Run(core::Stage stage, const std::vector<Row*>& rows, model::DiffusionModel& model) {
  const absl::Time began = options_.clock->Now();
  const absl::Status status = RunOnDevice(stage, rows, model);
  Outcome outcome{.results = std::vector<core::RowResult>(rows.size(), core::RowResult::kOk),
                  .errors = std::vector<absl::Status>(rows.size(), rows.size() == 1 ? status : absl::OkStatus()),
                  .shrink_to = {}};
  if (status.ok()) {
    std::vector<at::Tensor> predicted_clean(rows.size());
    if (stage == core::Stage::kPredict) AdvanceAll(rows, outcome, predicted_clean);
    Book(stage, rows, options_.clock->Now() - began);
    for (size_t i = 0; stage == core::Stage::kDecode && i < rows.size(); ++i) {
      if (!rows[i]->decoded) outcome.results[i] = core::RowResult::kGoesOn;
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!outcome.errors[i].ok()) predicted_clean[i] = at::Tensor();
    }
    PublishSteps(rows, predicted_clean, model);
  } else if (rows.size() > 1 && IsOutOfMemory(status)) {
    outcome.shrink_to = static_cast<int>(rows.size() / 2);
    std::fill(outcome.results.begin(), outcome.results.end(), core::RowResult::kNotRun);
  } else if (rows.size() > 1) {
    // What a batch could not do, each of its rows tries alone: only the guilty one fails.
    for (size_t i = 0; i < rows.size(); ++i) {
      const Outcome alone = Run(stage, {rows[i]}, model);
      outcome.results[i] = alone.results.front();
      outcome.errors[i] = alone.errors.front();
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!outcome.errors[i].ok()) outcome.results[i] = core::RowResult::kFailed;
  }
  return outcome;
}

// The stage's work on the model. It can be repeated: nothing that counts has changed when it fails.
absl::Status Executor::RunOnDevice(core::Stage stage, const std::vector<Row*>& rows, model::DiffusionModel& model) {
  return Guarded([&] {
    switch (stage) {
      case core::Stage::kEncode:
        return encoder_.Encode(rows, model);
      case core::Stage::kPredict:
        return Predict(rows, model);
      case core::Stage::kDecode:
        return decoder_.Decode(rows, model);
    }
  });
}

void Executor::AdvanceAll(const std::vector<Row*>& rows, Outcome& outcome, std::vector<at::Tensor>& predicted_clean) {
  for (size_t i = 0; i < rows.size(); ++i) {
    outcome.errors[i] = Advance(*rows[i], predicted_clean[i]);
    if (rows.size() == 1 || !IsOutOfMemory(outcome.errors[i])) continue;
    outcome.shrink_to = static_cast<int>(rows.size() / 2);
    outcome.results[i] = core::RowResult::kNotRun;  // predicted again, beside fewer rows
    outcome.errors[i] = absl::OkStatus();
  }
  CheckFinite(rows, outcome.errors);
}

// A sum is finite when all its terms are: one small check for all rows, since each costs a device a round trip. Here a
// device also reports what went wrong earlier.
void Executor::CheckFinite(const std::vector<Row*>& rows, std::vector<absl::Status>& errors) {
  at::Tensor finite;
  const absl::Status checked = Guarded([&] {
    std::vector<at::Tensor> sums;
    sums.reserve(rows.size());
    for (const Row* row : rows) sums.push_back(row->latent.sum());
    finite = at::isfinite(at::stack(sums)).cpu();
  });
  if (IsOutOfMemory(checked)) return;  // no fault of the rows: the next evaluation is checked again
  if (!checked.ok()) {
    for (absl::Status& error : errors) error.Update(checked);
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!errors[i].ok() || finite[static_cast<int64_t>(i)].item<bool>()) continue;
    errors[i] =
        core::MakeError(absl::StatusCode::kInternal,
                        absl::StrCat("the picture became NaN or infinite at evaluation ", rows[i]->sampler.evaluation),
                        {.reason = "NOT_FINITE"});
  }
}

void Executor::Predict(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  std::vector<model::PredictRow> inputs;
  inputs.reserve(rows.size());
  std::vector<std::vector<model::AppliedControl>> controls;  // of each row
  for (const Row* row : rows) {
    const int begin = row->sampler.begin;
    controls.push_back(
        row->job->adapters->ControlsAt(row->sampler.evaluation - begin, row->job->sampler->evaluations() - begin));
  }
  for (const Row* row : rows) {
    const RunningJob& job = *row->job;
    inputs.push_back(
        {.latent = job.sampler->ScaleModelInput(row->sampler, row->latent),
         .concat = row->scale_concat ? job.sampler->ScaleModelInput(row->sampler, row->concat) : row->concat,
         .class_label = row->class_label,
         .timestep = job.sampler->Timestep(row->sampler),
         .cond = job.cond.get(),
         .uncond = job.uncond.get(),
         .guidance_scale = job.request().guidance_scale(),
         .guidance_rescale = job.request().guidance_rescale(),
         .loras = job.adapters->loras(),
         .motion = job.adapters->motion(),
         .controls = controls[inputs.size()],
         .grounding = IsGrounded(*row) ? &job.grounding : nullptr,
         .image_prompts = job.image_prompts});
    if (!job.request().size_conditioning()) continue;
    inputs.back().size = ToModel(*job.request().size_conditioning());
    inputs.back().uncond_size = ToModel(*job.request().negative_size_conditioning());
  }
  std::vector<at::Tensor> predictions = model.Predict(inputs);
  for (size_t i = 0; i < rows.size(); ++i) rows[i]->prediction = std::move(predictions[i]);
}

// Leaves the row as it was when it fails.
absl::Status Executor::Advance(Row& row, at::Tensor& predicted_clean) {
  model::SamplerState state = row.sampler;
  model::Advanced advanced;
  absl::Status status = Guarded([&] {
    at::Generator generator = row.generator.clone();
    advanced = row.job->sampler->Advance(state, row.latent, std::exchange(row.prediction, {}), generator);
    if (row.hold) advanced.latent = row.hold->Apply(advanced.latent, *row.job->sampler, state.evaluation);
    row.generator = std::move(generator);
  });
  if (!status.ok()) return status;
  row.sampler = std::move(state);
  row.latent = std::move(advanced.latent);
  predicted_clean = std::move(advanced.predicted_clean);
  return status;
}

// Of the rows that have advanced, those that have ended a step: `predicted_clean` is undefined for the others.
void Executor::PublishSteps(const std::vector<Row*>& rows, const std::vector<at::Tensor>& predicted_clean,
                            const model::DiffusionModel& model) {
  std::vector<Row*> ended;
  std::vector<at::Tensor> clean;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!predicted_clean[i].defined() || !EndedStep(*rows[i])) continue;
    ended.push_back(rows[i]);
    // Of a clip the frame in the middle is shown.
    const bool clip = rows[i]->job->request().animation().has_value();
    clean.push_back(clip ? predicted_clean[i].select(1, predicted_clean[i].size(1) / 2) : predicted_clean[i]);
  }
  std::vector<RowPreviewer::Preview> previews = previewer_.Make(ended, clean, model);
  for (size_t i = 0; i < ended.size(); ++i) {
    const Row& row = *ended[i];
    const RunningJob& job = *row.job;
    core::Progress progress{.output_index = row.index * job.request().outputs_per_row(),
                            .step = StepsDone(row),
                            .total_steps = job.request().steps(),
                            .eta = {},
                            .preview = {}};
    if (const Pace& pace = paces_[job.key]; pace.predict) {
      const int left = job.steps.end - row.sampler.evaluation;
      progress.eta = absl::Seconds(*pace.predict * left + pace.decode.value_or(0) * DecodeRuns(job.request().frames()));
    }
    if (previews[i].latent) progress.preview = *std::move(previews[i].latent);
    job.publisher->Took(job.usage);
    job.publisher->Progress(std::move(progress), std::move(previews[i].picture));
  }
}

void Executor::Book(core::Stage stage, const std::vector<Row*>& rows, absl::Duration time) {
  core::StageRun run{
      .stage = stage, .model = rows.front()->job->key.model, .rows = static_cast<int>(rows.size()), .time = time};
  std::set<RunningJob*> jobs;
  for (const Row* row : rows) {
    RunningJob& job = *row->job;
    const int64_t pixels = int64_t{1} * job.request().width() * job.request().height();
    const int sides = stage == core::Stage::kDecode || !job.request().guided() ? 1 : 2;
    const int frames = job.request().frames();
    const int lanes = sides * (stage == core::Stage::kDecode ? std::min(frames, RowDecoder::kFramesAtOnce) : frames);
    run.lanes += lanes;
    run.pixels += lanes * pixels;
    jobs.insert(&job);
    if (stage == core::Stage::kPredict) {
      ++job.usage.evaluations;
      job.usage.pixel_evaluations += lanes * pixels;
    }
  }
  for (RunningJob* job : jobs) {
    core::Usage& usage = job->usage;
    (stage == core::Stage::kEncode    ? usage.encode_time
     : stage == core::Stage::kPredict ? usage.denoise_time
                                      : usage.decode_time) += time;
  }
  if (paces_.size() > kMaxPaces) paces_.clear();
  Pace& pace = paces_[rows.front()->job->key];
  if (stage == core::Stage::kPredict) Smooth(pace.predict, absl::ToDoubleSeconds(time));
  if (stage == core::Stage::kDecode) Smooth(pace.decode, absl::ToDoubleSeconds(time));
  if (options_.observer != nullptr) options_.observer->OnStageRun(run);
}

}  // namespace latentd::engine
