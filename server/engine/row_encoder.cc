#include "server/engine/row_encoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/adapter_fields.h"
#include "server/core/utf8.h"

namespace latentd::engine {
namespace {

constexpr size_t kMaxWarningText = 200;  // bytes of a cut prompt that its warning repeats

core::Warning Truncated(const std::string& field, const std::string& cut) {
  std::string shown = cut.substr(0, kMaxWarningText);
  while (!shown.empty() && shown.size() < cut.size() && (cut[shown.size()] & 0xC0) == 0x80) shown.pop_back();
  return {
      .reason = "PROMPT_TRUNCATED",
      .field = field,
      .message = absl::StrCat("the room for the prompt ended before: ", shown, shown.size() < cut.size() ? " …" : "")};
}

// Of embeddings whose tokens stand in none of the job's texts.
void AddUnusedEmbeddings(const RunningJob& job, std::vector<core::Warning>& warnings) {
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
}

// What a caller is told of a job's texts.
std::vector<core::Warning> Warnings(const RunningJob& job) {
  std::vector<core::Warning> warnings;
  const auto warn = [&](const std::string& field, const std::string& cut) {
    if (!cut.empty()) warnings.push_back(Truncated(field, cut));
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
  AddUnusedEmbeddings(job, warnings);
  return warnings;
}

// Of the job's boxes, once their phrases are encoded.
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

// What a text encoder beside the first reads.
const std::string& SecondText(const std::string& first, const std::string& second) {
  return second.empty() ? first : second;
}

// Once for all its rows.
void EncodePictures(RunningJob& job, model::DiffusionModel& model) {
  if (!job.inputs->HasPicture() || job.encoded) return;
  job.encoded = model.EncodeInputs(*job.inputs);
}

// Likewise.
void EncodeImagePrompts(RunningJob& job) {
  if (!job.image_prompts.empty()) return;
  for (const ImagePromptUse& use : job.adapters->image_prompts()) {
    std::vector<at::Tensor> pictures;
    for (const size_t picture : use.pictures) pictures.push_back(job.inputs->prompt_pictures[picture]);
    job.image_prompts.push_back({.adapter = use.adapter, .scale = use.scale, .tokens = use.adapter->Encode(pictures)});
  }
}

}  // namespace

void RowEncoder::Encode(const std::vector<Row*>& rows, model::DiffusionModel& model) {
  EncodePrompts(rows, model);
  for (Row* row : rows) {
    RunningJob& job = *row->job;
    if (job.grounding.boxes.empty()) job.grounding = GroundingOf(job);
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
    if (row->resume) {
      row->latent = row->resume->latent.to(row->latent.device());
      row->sampler = std::move(row->resume->sampler);
      for (at::Tensor& tensor : row->sampler.history) tensor = tensor.to(row->latent.device());
      row->generator.set_state(row->resume->generator);
      row->resume.reset();
    }
    if (std::exchange(job.started, true)) continue;
    job.publisher->Started({.seed = job.request().seed(), .warnings = Warnings(job)});
  }
}

// Finds each job's prompts in the cache, and encodes the others together.
void RowEncoder::EncodePrompts(const std::vector<Row*>& rows, model::DiffusionModel& model) {
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
    if (observer_ != nullptr) observer_->OnEncodeCache(place != nullptr);
    if (place == nullptr) missing.push_back({std::move(key), &job, &place});
  };
  std::set<const RunningJob*> seen;
  for (Row* row : rows) {
    RunningJob& job = *row->job;
    if (!seen.insert(&job).second) continue;
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

}  // namespace latentd::engine
