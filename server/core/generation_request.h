#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/adapter.h"
#include "server/core/clip.h"
#include "server/core/input_image.h"
#include "server/core/model_catalog.h"
#include "server/core/task.h"

namespace latentd::core {

enum class PreviewKind { kNone, kImage, kLatent };
enum class ImageFormat { kPng, kJpeg, kWebp, kLatent };

// What some models are told of the picture beside the words, in pixels. 0: as the API's SizeConditioning says.
struct SizeConditioning {
  int original_width = 0;
  int original_height = 0;
  int crop_left = 0;
  int crop_top = 0;
  int target_width = 0;
  int target_height = 0;
  std::optional<double> aesthetic_score{};
};

// A phrase and where its object stands, in shares of the picture's width and height.
struct PhraseBox {
  std::string phrase{};
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
};

// What a caller asked for, before anybody looked at it: the API's fields, absent ones empty. Built by server/rpc from
// messages; see proto/latentd/v1/spec.proto for each field's meaning.
struct RequestFields {
  std::string model{};
  std::optional<Task> task{};         // empty: TaskFor the model
  std::optional<InputImage> image{};  // that the task begins with, or enlarges
  std::optional<InputImage> mask{};   // of an inpainting
  MaskKind mask_kind = MaskKind::kWhite;
  std::optional<double> strength{};
  std::optional<double> denoising_start{};
  Margins margins{};                                // of an outpainting
  std::optional<int> class_label{};                 // of a picture of a class
  std::optional<int> noise_level{};                 // of an enlargement
  std::vector<PhraseBox> boxes{};                   // of a picture from boxes
  std::optional<double> scheduled_sampling_beta{};  // likewise
  int upscale_factor = 0;                           // of an enlargement: the model's, filled in by Validate
  std::string prompt{};
  std::string negative_prompt{};
  std::string prompt_2{};
  std::string negative_prompt_2{};
  bool literal_prompt = false;
  int clip_skip = 0;
  int width = 0;
  int height = 0;
  std::optional<SizeConditioning> size_conditioning{};
  std::optional<SizeConditioning> negative_size_conditioning{};
  int num_images = 0;
  std::optional<int64_t> seed{};
  int steps = 0;
  std::optional<double> denoising_end{};
  std::string sampler{};
  std::string sigmas{};
  std::optional<double> guidance_scale{};
  double guidance_rescale = 0;
  double eta = 0;
  std::vector<AdapterUse> adapters{};
  std::optional<Animation> animation{};     // clips instead of pictures
  std::optional<ClipFormat> clip_format{};  // what a clip becomes; empty: each frame is a picture of output_format
  PreviewKind preview_kind = PreviewKind::kNone;
  int preview_every_steps = 0;
  int preview_max_edge = 0;
  std::optional<ImageFormat> preview_format{};
  std::optional<ImageFormat> output_format{};
  int output_quality = 0;
  bool omit_prompts = false;

  std::optional<absl::Duration> timeout{};
  int priority = 0;
  std::map<std::string, std::string> labels{};
  std::optional<absl::Time> expire_time{};
  bool single_flight = false;
};

// One thing wrong with one field, as google.rpc.BadRequest has it.
struct FieldViolation {
  std::string field{};  // a path such as "spec.guidance_scale"
  std::string description{};
};

struct RequestLimits {
  int max_prompt_characters = 8192;
  int max_steps = 1000;
  int max_num_images = 64;
  int max_frames = 128;
  absl::Duration max_timeout = absl::Hours(24);
};

// A request that can be carried out: whoever holds one needs to check nothing. Only Validate makes one anew. Immutable.
class GenerationRequest {
 public:
  // The outcome of Validate: a request, or everything that is wrong with the fields.
  struct Validated;

  // Checks every field against `model` and `limits`, fills in defaults, draws the seed from `draw_seed` (a number below
  // 2³²) when none is given. Never stops at the first violation; their texts are valid UTF-8 whatever the fields hold.
  // `now` is the time that expire_time must lie after. REQUIRES: `model` is what the catalog says of fields.model, and
  // does TaskFor(fields.task).
  static Validated Validate(const RequestFields& fields, const ModelInfo& model, const RequestLimits& limits,
                            absl::Time now, const std::function<uint32_t()>& draw_seed);

  // What is wrong with the fields whatever the model: for a request whose model cannot be looked at.
  static std::vector<FieldViolation> CheckWithoutModel(const RequestFields& fields, const RequestLimits& limits,
                                                       absl::Time now);

  // One that Validate made, in another process perhaps: its fields() and guided().
  static std::shared_ptr<const GenerationRequest> Restore(RequestFields fields, bool guided);

  const std::string& model() const { return fields_.model; }
  Task task() const { return *fields_.task; }
  const std::optional<InputImage>& image() const { return fields_.image; }  // set when the task takes one
  const std::optional<InputImage>& mask() const { return fields_.mask; }    // likewise
  MaskKind mask_kind() const { return fields_.mask_kind; }
  double strength() const { return fields_.strength.value_or(1); }
  std::optional<double> denoising_start() const { return fields_.denoising_start; }
  double denoising_end() const { return fields_.denoising_end.value_or(1); }
  const Margins& margins() const { return fields_.margins; }
  std::optional<int> class_label() const { return fields_.class_label; }  // set when the task takes one
  std::optional<int> noise_level() const { return fields_.noise_level; }  // set when the model takes one
  int upscale_factor() const { return fields_.upscale_factor; }           // 0 when nothing is enlarged
  const std::vector<PhraseBox>& boxes() const { return fields_.boxes; }   // not empty when the task takes them
  // The share of the denoising that is grounded, from its beginning.
  double scheduled_sampling_beta() const { return fields_.scheduled_sampling_beta.value_or(0); }
  const std::string& prompt() const { return fields_.prompt; }
  const std::string& negative_prompt() const { return fields_.negative_prompt; }
  const std::string& prompt_2() const { return fields_.prompt_2; }  // empty: the first prompt
  const std::string& negative_prompt_2() const { return fields_.negative_prompt_2; }
  bool literal_prompt() const { return fields_.literal_prompt; }
  int clip_skip() const { return fields_.clip_skip; }
  int width() const { return fields_.width; }
  int height() const { return fields_.height; }
  // Both are set when the model takes such, else neither.
  const std::optional<SizeConditioning>& size_conditioning() const { return fields_.size_conditioning; }
  const std::optional<SizeConditioning>& negative_size_conditioning() const {
    return fields_.negative_size_conditioning;
  }
  int num_images() const { return fields_.num_images; }  // rows: pictures, or clips
  const std::optional<Animation>& animation() const { return fields_.animation; }
  int frames() const { return fields_.animation ? fields_.animation->frames : 1; }  // of each row
  // Set when an output is a clip: then there is no output_format.
  std::optional<ClipFormat> clip_format() const { return fields_.clip_format; }
  // Row r makes the outputs from r * outputs_per_row() on: several when its frames are pictures.
  int outputs_per_row() const { return fields_.clip_format ? 1 : frames(); }
  int num_outputs() const { return num_images() * outputs_per_row(); }
  int64_t seed() const { return *fields_.seed; }  // of image 0; image i has seed() + i
  int steps() const { return fields_.steps; }
  const std::string& sampler() const { return fields_.sampler; }
  const std::string& sigmas() const { return fields_.sigmas; }
  double guidance_scale() const { return *fields_.guidance_scale; }
  bool guided() const { return guided_; }  // two lanes a row instead of one
  double guidance_rescale() const { return fields_.guidance_rescale; }
  double eta() const { return fields_.eta; }
  const std::vector<AdapterUse>& adapters() const { return fields_.adapters; }
  PreviewKind preview_kind() const { return fields_.preview_kind; }
  int preview_every_steps() const { return fields_.preview_every_steps; }
  int preview_max_edge() const { return fields_.preview_max_edge; }  // 0: the preview's own size
  ImageFormat preview_format() const { return *fields_.preview_format; }
  ImageFormat output_format() const { return *fields_.output_format; }
  int output_quality() const { return fields_.output_quality; }
  bool omit_prompts() const { return fields_.omit_prompts; }

  absl::Duration timeout() const { return *fields_.timeout; }
  int priority() const { return fields_.priority; }
  const std::map<std::string, std::string>& labels() const { return fields_.labels; }
  std::optional<absl::Time> expire_time() const { return fields_.expire_time; }
  bool single_flight() const { return fields_.single_flight; }  // then its seed was given

  // Every field with its default filled in: the request as the API shows it back.
  const RequestFields& fields() const { return fields_; }

 private:
  friend std::shared_ptr<const GenerationRequest> WithoutPictures(std::shared_ptr<const GenerationRequest> request);

  GenerationRequest(RequestFields fields, bool guided) : fields_(std::move(fields)), guided_(guided) {}

  RequestFields fields_;
  bool guided_ = false;
};

// The same request without the bytes of the pictures that came with it, to be shown when nobody needs them any more.
std::shared_ptr<const GenerationRequest> WithoutPictures(std::shared_ptr<const GenerationRequest> request);

// Every picture that a request brings along.
std::vector<const InputImage*> PicturesOf(const RequestFields& fields);

struct GenerationRequest::Validated {
  std::optional<GenerationRequest> request;  // empty when there are violations
  std::vector<FieldViolation> violations;
};

}  // namespace latentd::core
