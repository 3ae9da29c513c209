#include "server/engine/executor.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/adapter_fields.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"
#include "server/engine/prepare_picture.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

constexpr size_t kMaxPaces = 256;        // sizes of pictures that estimates are kept for
constexpr size_t kFramesAtOnce = 4;      // of a clip that go through the decoder together, to bound its memory
constexpr size_t kMaxWarningText = 200;  // bytes of a cut prompt that its warning repeats

core::Warning Truncated(const std::string& field, const std::string& cut) {
  std::string shown = cut.substr(0, kMaxWarningText);
  while (!shown.empty() && shown.size() < cut.size() && (cut[shown.size()] & 0xC0) == 0x80) shown.pop_back();
  return {
      .reason = "PROMPT_TRUNCATED",
      .field = field,
      .message = absl::StrCat("the room for the prompt ended before: ", shown, shown.size() < cut.size() ? " …" : "")};
}

model::SizeCondition ToModel(const core::SizeConditioning& sizes) {
  return {.original_width = sizes.original_width,
          .original_height = sizes.original_height,
          .crop_left = sizes.crop_left,
          .crop_top = sizes.crop_top,
          .target_width = sizes.target_width,
          .target_height = sizes.target_height,
          .aesthetic_score = sizes.aesthetic_score.value_or(0)};
}

// Those embeddings of a job whose tokens stand in none of its texts.
std::vector<core::Warning> UnusedEmbeddings(const RunningJob& job) {
  std::vector<core::Warning> warnings;
  const std::vector<core::AdapterUse>& adapters = job.request().adapters();
  size_t number = 0;  // among the embeddings
  for (size_t i = 0; i < adapters.size(); ++i) {
    if (adapters[i].kind != core::AdapterKind::kEmbedding) continue;
    const auto holds = [number](const std::shared_ptr<const model::Conditioning>& text) {
      return text != nullptr && number < text->embeddings_used.size() && text->embeddings_used[number];
    };
    if (!holds(job.cond) && !holds(job.uncond) && std::none_of(job.phrases.begin(), job.phrases.end(), holds)) {
      warnings.push_back({.reason = "EMBEDDING_NOT_USED",
                          .field = core::AdapterField(adapters, i),
                          .message = absl::StrCat("no text that was encoded holds its token, ",
                                                  core::Quote(job.adapters->embeddings()[number].token))});
    }
    ++number;
  }
  return warnings;
}

model::Grounding GroundingOf(const RunningJob& job) {
  model::Grounding grounding;
  std::vector<at::Tensor> phrases;
  for (size_t i = 0; i < job.phrases.size(); ++i) {
    const core::PhraseBox& box = job.request().boxes()[i];
    grounding.boxes.push_back({static_cast<float>(box.x0), static_cast<float>(box.y0), static_cast<float>(box.x1),
                               static_cast<float>(box.y1)});
    phrases.push_back(job.phrases[i]->pooled);
  }
  if (!phrases.empty()) grounding.phrases = at::stack(phrases);
  return grounding;
}

// Whether the row's next evaluation is told of its job's boxes: the first share of all, as diffusers counts it.
bool IsGrounded(const Row& row) {
  const RunningJob& job = *row.job;
  if (job.grounding.boxes.empty()) return false;
  return row.sampler.evaluation <
         static_cast<int>(job.request().scheduled_sampling_beta() * job.sampler->evaluations());
}

// What a text encoder beside the first reads.
const std::string& SecondText(const std::string& first, const std::string& second) {
  return second.empty() ? first : second;
}

core::LatentPreview AsPreview(const at::Tensor& latent, double scaling_factor) {
  const at::Tensor values = latent.to(at::kCPU, at::kFloat).contiguous();
  return {
      .shape = std::vector<int>(values.sizes().begin(), values.sizes().end()),
      .dtype = "float32",
      .data = std::make_shared<const std::string>(static_cast<const char*>(values.const_data_ptr()), values.nbytes()),
      .scaling_factor = scaling_factor};
}

int StepsDone(const Row& row) { return row.job->sampler->StepsDone(row.sampler.evaluation); }

// Whether the row's last evaluation was the last one of a step.
bool EndedStep(const Row& row) { return StepsDone(row) > row.job->sampler->StepsDone(row.sampler.evaluation - 1); }

// Whether the row is to show the step that it has ended, in this way.
bool Wants(const Row& row, core::PreviewKind kind) {
  const core::GenerationRequest& request = row.job->request();
  return request.preview_kind() == kind && StepsDone(row) % request.preview_every_steps() == 0;
}

// Each value moves the mean by a tenth, so that an estimate follows a change of the batch within seconds.
void Smooth(std::optional<double>& mean, double value) { mean = mean ? *mean + 0.1 * (value - *mean) : value; }

}  // namespace

Executor::Executor(const Options& options) : options_(options), cache_(options.conditioning_cache_bytes) {}

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
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!outcome.errors[i].ok()) predicted_clean[i] = at::Tensor();
    }
    PublishSteps(rows, predicted_clean, model);
  } else if (rows.size() > 1 && IsOutOfMemory(status)) {
    outcome.shrink_to = static_cast<int>(rows.size() / 2);
    std::fill(outcome.results.begin(), outcome.results.end(), core::RowResult::kNotRun);
  } else if (rows.size() > 1) {
    // What a batch could not do, each of its rows tries alone: only the guilty one fails.
    for (size_t i = 0; i < rows.size(); ++i) outcome.errors[i] = Run(stage, {rows[i]}, model).errors.front();
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
        return Encode(rows, model);
      case core::Stage::kPredict:
        return Predict(rows, model);
      case core::Stage::kDecode:
        return Decode(rows, model);
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

void Executor::Encode(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  EncodePrompts(rows, model);
  for (Row* row : rows) {
    RunningJob& job = *row->job;
    job.grounding = GroundingOf(job);
    row->generator = at::detail::createCPUGenerator(row->seed);
    EncodePictures(job, model);
    job.adapters->EncodeControls(job.inputs->controls);
    EncodeImagePrompts(job);
    std::vector<int64_t> shape = model.LatentShape(job.request().width(), job.request().height());
    const model::MotionModule* motion = job.adapters->motion();
    if (motion != nullptr) shape.insert(shape.begin() + 1, job.request().frames());
    model::RowStart start = model.Start(job.encoded ? &*job.encoded : nullptr, shape, *job.sampler, row->generator);
    if (motion != nullptr) start.latent = motion->BeginNoise(start.latent, row->generator);
    row->latent = std::move(start.latent);
    row->sampler = std::move(start.sampler);
    row->concat = std::move(start.concat);
    row->scale_concat = start.scale_concat;
    row->hold = std::move(start.hold);
    row->class_label = start.class_label;
    if (std::exchange(job.started, true)) continue;
    core::Started started{.seed = job.request().seed(), .warnings = {}};
    const auto warn = [&](const std::string& field, const std::string& cut) {
      if (!cut.empty()) started.warnings.push_back(Truncated(field, cut));
    };
    warn("spec.prompt", job.cond->cut_text);
    warn("spec.prompt_2", job.cond->cut_text_2);
    if (job.uncond != nullptr) {
      warn("spec.negative_prompt", job.uncond->cut_text);
      warn("spec.negative_prompt_2", job.uncond->cut_text_2);
    }
    for (size_t i = 0; i < job.phrases.size(); ++i) {
      warn(absl::StrCat("spec.boxes_to_image.boxes[", i, "].phrase"), job.phrases[i]->cut_text);
    }
    for (core::Warning& warning : UnusedEmbeddings(job)) started.warnings.push_back(std::move(warning));
    job.publisher->Started(std::move(started));
  }
}

// Once for all its rows.
void Executor::EncodePictures(RunningJob& job, model::DiffusionModel& model) {
  if (!job.inputs->HasPicture() || job.encoded) return;
  job.encoded = model.EncodeInputs(*job.inputs);
}

// Likewise.
void Executor::EncodeImagePrompts(RunningJob& job) {
  if (!job.image_prompts.empty()) return;
  for (const ImagePromptUse& use : job.adapters->image_prompts()) {
    std::vector<at::Tensor> pictures;
    for (const size_t picture : use.pictures) pictures.push_back(job.inputs->prompt_pictures[picture]);
    job.image_prompts.push_back({.adapter = use.adapter, .scale = use.scale, .tokens = use.adapter->Encode(pictures)});
  }
}

// Finds each job's prompts in the cache, and encodes the others together.
void Executor::EncodePrompts(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  struct Want {
    ConditioningKey key;
    const RunningJob* job;
    std::shared_ptr<const model::Conditioning>* place;
  };
  std::vector<Want> missing;
  const uint64_t load = rows.front()->job->load;  // all are of one model
  const auto want = [&](const RunningJob& job, ConditioningKey key, std::shared_ptr<const model::Conditioning>& place) {
    if (place != nullptr) return;
    key.load = load;
    key.adapters = job.adapters->text_key();
    place = cache_.Find(key);
    if (options_.observer != nullptr) options_.observer->OnEncodeCache(place != nullptr);
    if (place == nullptr) missing.push_back({std::move(key), &job, &place});
  };
  for (Row* row : rows) {
    RunningJob& job = *row->job;
    if (job.cond != nullptr) continue;  // another row of the job was here before
    const core::GenerationRequest& request = job.request();
    const bool literal = request.literal_prompt();
    want(job,
         {.text = request.prompt(),
          .clip_skip = request.clip_skip(),
          .text_2 = SecondText(request.prompt(), request.prompt_2()),
          .literal = literal,
          .class_label = request.class_label()},
         job.cond);
    job.phrases.resize(request.boxes().size());
    for (size_t i = 0; i < job.phrases.size(); ++i) {
      want(job, {.text = request.boxes()[i].phrase, .literal = true, .is_phrase = true}, job.phrases[i]);
    }
    if (!request.guided()) continue;
    // Literally taken, nothing is skipped for the negative prompt: as diffusers' StableDiffusionPipeline.encode_prompt.
    want(job,
         {.text = request.negative_prompt(),
          .clip_skip = literal ? 0 : request.clip_skip(),
          .text_2 = SecondText(request.negative_prompt(), request.negative_prompt_2()),
          .negative = true,
          .literal = literal},
         job.uncond);
  }
  if (missing.empty()) return;

  std::map<ConditioningKey, size_t> places;  // the same text is encoded once
  std::vector<model::Prompt> prompts;
  for (const Want& each : missing) {
    if (places.try_emplace(each.key, prompts.size()).second) {
      prompts.push_back({.text = each.key.text,
                         .text_2 = each.key.text_2,
                         .clip_skip = each.key.clip_skip,
                         .negative = each.key.negative,
                         .literal = each.key.literal,
                         .loras = each.job->adapters->loras(),
                         .embeddings = each.job->adapters->embeddings(),
                         .is_phrase = each.key.is_phrase,
                         .class_label = each.key.class_label});
    }
  }
  std::vector<model::Conditioning> encoded = model.Encode(prompts);
  std::map<ConditioningKey, std::shared_ptr<const model::Conditioning>> done;
  for (const auto& [key, place] : places) done[key] = cache_.Insert(key, std::move(encoded[place]));
  for (const Want& each : missing) *each.place = done[each.key];
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
                            model::DiffusionModel& model) {
  std::vector<Row*> ended;
  std::vector<at::Tensor> clean;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!predicted_clean[i].defined() || !EndedStep(*rows[i])) continue;
    ended.push_back(rows[i]);
    // Of a clip the frame in the middle is shown.
    const bool clip = rows[i]->job->request().animation().has_value();
    clean.push_back(clip ? predicted_clean[i].select(1, predicted_clean[i].size(1) / 2) : predicted_clean[i]);
  }
  std::vector<at::Tensor> pictures = MakePreviews(ended, clean, model);
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
      progress.eta = absl::Seconds(*pace.predict * left + pace.decode.value_or(0));
    }
    if (Wants(row, core::PreviewKind::kLatent)) progress.preview = AsPreview(clean[i], model.scaling_factor());
    job.publisher->Took(job.usage);
    job.publisher->Progress(std::move(progress), std::move(pictures[i]));
  }
}

// Undefined for rows that want none. All of them in one forward, where it takes one: rows of a batch are of one shape.
std::vector<at::Tensor> Executor::MakePreviews(const std::vector<Row*>& rows,
                                               const std::vector<at::Tensor>& predicted_clean,
                                               model::DiffusionModel& model) {
  std::vector<at::Tensor> pictures(rows.size());
  std::vector<size_t> places;
  std::vector<at::Tensor> latents;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!Wants(*rows[i], core::PreviewKind::kImage)) continue;
    places.push_back(i);
    latents.push_back(predicted_clean[i]);
  }
  if (places.empty()) return pictures;
  const absl::Status made = Guarded([&] {
    std::vector<at::Tensor> shown = model.Preview(latents);
    for (size_t i = 0; i < places.size(); ++i) pictures[places[i]] = std::move(shown[i]);
  });
  // The rows can go on without.
  if (!made.ok() && !std::exchange(preview_failed_, true)) {
    spdlog::warn("previews could not be made; this is said once: {}", std::string(made.message()));
  }
  return pictures;
}

void Executor::Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  if (rows.front()->job->request().animation()) return DecodeClips(rows, model);
  std::vector<const Row*> decoded;
  std::vector<at::Tensor> latents;
  for (const Row* row : rows) {
    if (row->job->request().output_format() == core::ImageFormat::kLatent) continue;
    decoded.push_back(row);
    latents.push_back(row->latent);
  }
  std::vector<at::Tensor> pictures;
  if (!latents.empty()) pictures = model.Decode(latents);
  const std::vector<bool> flagged = CheckSafety(pictures, model);
  for (size_t i = 0; i < decoded.size(); ++i) {
    const Row& row = *decoded[i];
    if (IsWithheld(row, flagged[i])) continue;
    row.job->publisher->Picture(row.index, row.seed, std::move(pictures[i]), flagged[i]);
  }
  for (const Row* row : rows) {
    if (row->job->request().output_format() != core::ImageFormat::kLatent) continue;
    row->job->publisher->Latent(row->index, row->seed, row->latent.to(at::kCPU, at::kFloat));
  }
}

void Executor::DecodeClips(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  std::vector<std::vector<at::Tensor>> clips;
  std::vector<bool> flagged;  // where one of the frames is
  for (const Row* row : rows) {
    flagged.push_back(false);
    const std::vector<at::Tensor> latents = row->latent.unbind(/*dim=*/1);  // F of [C, h, w]
    std::vector<at::Tensor>& frames = clips.emplace_back();
    for (size_t first = 0; first < latents.size(); first += kFramesAtOnce) {
      const size_t count = std::min(kFramesAtOnce, latents.size() - first);
      std::vector<at::Tensor> decoded = model.Decode(std::span(latents).subspan(first, count));
      const std::vector<bool> of_frames = CheckSafety(decoded, model);
      if (std::find(of_frames.begin(), of_frames.end(), true) != of_frames.end()) flagged.back() = true;
      std::move(decoded.begin(), decoded.end(), std::back_inserter(frames));
    }
  }
  // All are there before the first is published: what fails is tried again.
  for (size_t i = 0; i < rows.size(); ++i) {
    if (IsWithheld(*rows[i], flagged[i])) continue;
    rows[i]->job->publisher->Clip(rows[i]->index, rows[i]->seed, std::move(clips[i]), flagged[i]);
  }
}

// Counts what is flagged, and tells so instead of showing it when that is the policy.
bool Executor::IsWithheld(const Row& row, bool flagged) const {
  if (!flagged) return false;
  if (options_.observer != nullptr) options_.observer->OnFlaggedImage(row.job->request().model());
  if (options_.withhold_flagged) row.job->publisher->Withheld(row.index, row.seed);
  return options_.withhold_flagged;
}

// For each picture whether it is not to be shown. A checker that fails fails the rows: what was not looked at is not
// sent.
std::vector<bool> Executor::CheckSafety(const std::vector<at::Tensor>& pictures, const model::DiffusionModel& model) {
  const model::SafetyChecker* checker = model.safety_checker();
  if (checker == nullptr || pictures.empty()) return std::vector<bool>(pictures.size());
  std::vector<at::Tensor> prepared;
  prepared.reserve(pictures.size());
  for (const at::Tensor& picture : pictures) {
    prepared.push_back(PreparePicture(ToPicture(picture), checker->processor()));
  }
  return checker->Check(prepared);
}

void Executor::Book(core::Stage stage, const std::vector<Row*>& rows, absl::Duration time) {
  core::StageRun run{
      .stage = stage, .model = rows.front()->job->key.model, .rows = static_cast<int>(rows.size()), .time = time};
  std::set<RunningJob*> jobs;
  for (const Row* row : rows) {
    RunningJob& job = *row->job;
    const int64_t pixels = int64_t{1} * job.request().width() * job.request().height();
    const int sides = stage == core::Stage::kDecode || !job.request().guided() ? 1 : 2;
    const int lanes = sides * job.request().frames();
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
