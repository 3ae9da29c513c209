#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/task.h"

namespace latentd::core {

enum class ModelState { kAvailable, kLoading, kLoaded, kBroken };

struct SamplerInfo {
  std::string name{};                 // "euler_a"
  std::vector<std::string> sigmas{};  // "default", "karras"
  int min_steps = 1;                  // some begin with a warm-up
  int max_steps = 1000;               // that it has timesteps for: those of the training, less for some offsets
  bool takes_eta = false;
  // Image-to-image takes max_steps times its strength at most, and carries all of them out.
  bool shortened_by_strength = false;
};

// What is known of a model without loading its weights.
struct ModelInfo {
  std::string name{};  // its folder's or file's
  ModelState state = ModelState::kAvailable;
  absl::Status error{};        // why it is broken
  std::string architecture{};  // "stable-diffusion-1"
  bool one_file = false;       // otherwise a folder in diffusers' layout
  int native_width = 0;
  int native_height = 0;
  int size_multiple = 8;
  int min_size = 0;
  int max_size = 0;
  int64_t max_pixels = 0;     // of one picture
  std::vector<Task> tasks{};  // that it can do
  std::vector<SamplerInfo> samplers{};
  std::string default_sampler{};
  std::string default_sigmas{};
  int default_steps = 0;
  double default_guidance_scale = 0;
  bool embeds_guidance = false;          // one lane a row whatever the scale, and no negative prompt
  int text_layers = 0;                   // clip_skip stays below
  int prompt_tokens = 0;                 // that the text encoder takes at once, start and end marks included
  bool takes_motion = false;             // RequestFields::animation
  bool takes_prompt_2 = false;           // it has a second text encoder beside the first
  bool takes_size_conditioning = false;  // RequestFields::size_conditioning
  bool takes_aesthetic_score = false;    // and a score in it instead of a target size
  bool has_safety_checker = false;       // which looks at its pictures
  int latent_channels = 0;
  int latent_scale = 1;  // pixels along the edge of one place of a latent
  // What is wrong with the syntax of a prompt that is not to be taken literally, in ASCII; empty when nothing is. Not
  // set: this model's prompts have none.
  std::function<std::string(const std::string&)> prompt_fault{};
  int64_t memory_bytes = 0;
  int num_classes = 0;      // of a model that draws classes
  int upscale_factor = 0;   // of a model that enlarges pictures
  int max_noise_level = 0;  // that it takes then

  bool Does(Task task) const;
  bool TakesText() const { return prompt_tokens > 0; }
};

// What a request to `model` asks for: `task`, or without one a picture from its prompt; from nothing where the model
// draws without any condition.
Task TaskFor(std::optional<Task> task, const ModelInfo& model);

// The models of this process. Thread-safe; nothing blocks.
class ModelCatalog {
 public:
  virtual ~ModelCatalog() = default;

  // By name.
  virtual std::vector<ModelInfo> List() const = 0;

  // NOT_FOUND, naming the models there are.
  virtual absl::StatusOr<ModelInfo> Find(const std::string& name) const = 0;

  // Brings the model to the device; `done` is called once, on any thread: OK, NOT_FOUND, the model's error, or
  // RESOURCE_EXHAUSTED when it does not fit in the memory budget.
  virtual void Load(const std::string& name, std::function<void(absl::Status)> done) = 0;

  // FAILED_PRECONDITION while jobs use it. Unloading what is not loaded changes nothing.
  virtual void Unload(const std::string& name, std::function<void(absl::Status)> done) = 0;
};

}  // namespace latentd::core
