#include "server/engine/find_models.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "model/samplers/sampler.h"
#include "model/text/weighted_prompt.h"
#include "server/engine/sampler_infos.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

// What a request that leaves them out gets.
constexpr double kDefaultGuidanceScale = 7.5;

constexpr int kMinLatentEdge = 4;
// A picture may be so much larger than what the model was trained on, along an edge.
constexpr int kMaxEnlargement = 4;

bool IsModelFolder(const fs::path& path) {
  std::error_code error;
  return fs::exists(path / "model_index.json", error) || fs::is_directory(path / "unet", error);
}

bool IsFile(const fs::path& path, std::initializer_list<absl::string_view> extensions) {
  std::error_code error;
  const std::string extension = path.extension().string();
  return fs::is_regular_file(path, error) &&
         std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

// What may be a model, by name: a folder's own, a file's without its extension. A pickled checkpoint is shown as
// broken, which tells how to convert it, until something else has its name: the result of the conversion lies beside
// it.
std::map<std::string, fs::path> Candidates(const std::vector<fs::path>& entries) {
  std::map<std::string, fs::path> found;
  for (const fs::path& path : entries) {
    if (IsModelFolder(path)) found.emplace(path.filename().string(), path);
  }
  for (const fs::path& path : entries) {
    if (!IsFile(path, {".safetensors"})) continue;
    // Beside a folder of the same name it keeps its extension.
    const std::string name = path.stem().string();
    found.emplace(found.contains(name) ? path.filename().string() : name, path);
  }
  for (const fs::path& path : entries) {
    if (IsFile(path, {".ckpt", ".pt", ".pth", ".bin"})) found.emplace(path.stem().string(), path);
  }
  return found;
}

std::vector<core::Task> TasksOf(const model::ModelFolder& folder) {
  using core::Task;
  if (folder.upscale_factor > 0) return {Task::kSuperResolution};
  if (folder.num_classes > 0) return {Task::kClassToImage};
  if (!folder.takes_text) return {Task::kUnconditional};
  if (folder.inpaints_only) return {Task::kInpaint, Task::kOutpaint};
  if (folder.needs_picture) return {Task::kImageToImage, Task::kInpaint, Task::kOutpaint};
  std::vector<Task> tasks = {Task::kTextToImage, Task::kImageToImage, Task::kInpaint, Task::kOutpaint};
  if (folder.takes_boxes) tasks.push_back(Task::kBoxesToImage);
  return tasks;
}

core::ModelInfo Describe(const std::string& name, const model::ModelFolder& folder, const at::TensorOptions& options,
                         SamplerInfos& samplers) {
  core::ModelInfo info{.name = name, .architecture = folder.architecture};
  info.one_file = folder.one_file;
  info.native_width = folder.native_width;
  info.native_height = folder.native_height;
  info.size_multiple = folder.size_multiple;
  info.min_size = folder.upscale_factor > 0
                      ? folder.size_multiple
                      : std::min({kMinLatentEdge * folder.size_multiple, folder.native_width, folder.native_height});
  info.max_size = kMaxEnlargement * std::max(folder.native_width, folder.native_height);
  info.max_pixels = int64_t{kMaxEnlargement} * kMaxEnlargement * folder.native_width * folder.native_height;
  info.tasks = TasksOf(folder);
  info.prompt_tokens = folder.prompt_tokens;
  info.takes_motion = folder.takes_motion;
  info.takes_prompt_2 = folder.takes_prompt_2;
  info.takes_size_conditioning = folder.takes_size_conditioning;
  info.takes_aesthetic_score = folder.takes_aesthetic_score;
  info.has_safety_checker = folder.has_safety_checker;
  info.latent_channels = folder.latent_channels;
  info.latent_scale = folder.latent_scale;
  if (folder.weighs_prompts) {
    info.prompt_fault = [](const std::string& prompt) { return model::ParseWeightedPrompt(prompt).fault; };
  }
  info.samplers = samplers.Of(folder.sampler);
  info.default_sampler = model::Name(folder.sampler.kind);
  info.default_sigmas = model::Name(model::SigmaSpacing::kDefault);
  info.default_steps = std::min(folder.default_steps, folder.sampler.num_train_timesteps);
  info.default_guidance_scale = folder.guidance_scale.value_or(folder.takes_text ? kDefaultGuidanceScale : 1);
  info.embeds_guidance = folder.embeds_guidance;
  info.text_layers = folder.text_layers;
  info.num_classes = folder.num_classes;
  info.upscale_factor = folder.upscale_factor;
  info.max_noise_level = folder.max_noise_level;
  info.memory_bytes = folder.parameters * static_cast<int64_t>(options.dtype().itemsize());
  if (options.dtype() == at::kHalf) info.memory_bytes += 2 * folder.upcast_parameters;
  return info;
}

}  // namespace

absl::StatusOr<std::vector<ModelEntry>> FindModels(const fs::path& folder, const at::TensorOptions& options,
                                                   const model::OptionalParts& parts) {
  std::error_code error;
  std::vector<fs::path> entries;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) entries.push_back(entry->path());
  if (error) return absl::NotFoundError(absl::StrCat("the models' folder ", folder.string(), ": ", error.message()));
  std::sort(entries.begin(), entries.end());

  const auto samplers = std::make_shared<SamplerInfos>();
  std::vector<ModelEntry> models;
  for (const auto& candidate : Candidates(entries)) {
    const std::string& name = candidate.first;
    const fs::path& path = candidate.second;
    ModelEntry found{.info = {.name = name}, .load = [name, path, options, parts, samplers] {
                       // Opened again at each load: the files may have been mended or replaced meanwhile.
                       const model::ModelFolder opened = model::ModelFolder::Open(path, parts);
                       return LoadedModel{.info = Describe(name, opened, options, *samplers),
                                          .model = std::make_shared<model::DiffusionPipeline>(opened.load(options))};
                     }};
    const absl::Status status =
        Guarded([&] { found.info = Describe(name, model::ModelFolder::Open(path, parts), options, *samplers); });
    if (!status.ok()) {
      found.info.state = core::ModelState::kBroken;
      found.info.error = status;
    }
    models.push_back(std::move(found));
  }
  return models;
}

}  // namespace latentd::engine
