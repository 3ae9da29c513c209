#include "server/rpc/request.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/core/adapter_fields.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {
namespace {

constexpr char kModels[] = "models/";
constexpr char kJobs[] = "jobs/";
constexpr char kAdapters[] = "adapters/";
constexpr size_t kMaxNameBytes = 128;

// Reads messages field by field and collects what is wrong with their form. What the values may be is checked later, by
// core::GenerationRequest::Validate.
class FieldReader {
 public:
  FieldReader(const core::Caller& caller, const RequestContext& context) : caller_(caller), context_(context) {}

  core::RequestFields Read(const v1::GenerationSpec& spec, const v1::JobOptions& options) {
    core::RequestFields fields;
    if (auto model = ReadModelName("spec.model", spec.model()); model.ok()) {
      fields.model = *std::move(model);
    } else {
      const auto violations = core::GetErrorDetails(model.status()).violations;
      violations_.insert(violations_.end(), violations.begin(), violations.end());
    }
    ReadTask(spec, fields);
    fields.prompt = spec.prompt();
    fields.negative_prompt = spec.negative_prompt();
    fields.prompt_2 = spec.prompt_2();
    fields.negative_prompt_2 = spec.negative_prompt_2();
    fields.literal_prompt = spec.literal_prompt();
    fields.clip_skip = spec.clip_skip();
    fields.width = spec.width();
    fields.height = spec.height();
    if (spec.has_size_conditioning()) fields.size_conditioning = ReadSizes(spec.size_conditioning());
    if (spec.has_negative_size_conditioning()) {
      fields.negative_size_conditioning = ReadSizes(spec.negative_size_conditioning());
    }
    fields.num_images = spec.num_images();
    if (spec.has_seed()) fields.seed = spec.seed();
    fields.steps = spec.steps();
    if (spec.has_denoising_end()) fields.denoising_end = spec.denoising_end();
    fields.sampler = spec.sampler();
    fields.sigmas = spec.sigmas();
    if (spec.has_guidance_scale()) fields.guidance_scale = spec.guidance_scale();
    fields.guidance_rescale = spec.guidance_rescale();
    fields.eta = spec.eta();
    ReadAdapters(spec, fields);
    fields.preview_kind = ReadKind(spec.preview().kind());
    fields.preview_every_steps = spec.preview().every_steps();
    fields.preview_max_edge = spec.preview().max_edge();
    fields.preview_format = ReadPictureFormat("spec.preview.format", spec.preview().format());
    fields.output_format = ReadFormat("spec.output.format", spec.output().format());
    if (spec.has_animation()) fields.animation = {.frames = spec.animation().frames(), .fps = spec.animation().fps()};
    fields.clip_format = ReadClipFormat("spec.output.clip_format", spec.output().clip_format());
    fields.output_quality = spec.output().quality();
    fields.omit_prompts = spec.output().omit_prompts();
    ReadOptions(options, fields);
    return fields;
  }

  std::vector<core::FieldViolation>& violations() { return violations_; }

  // NOT_FOUND, with all blobs that are referred to and not there; OK when none is missing.
  absl::Status missing_blobs() const {
    if (missing_.empty()) return absl::OkStatus();
    std::vector<std::string> texts, hashes;
    for (const auto& [field, sha256] : missing_) {
      texts.push_back(absl::StrCat(field, ": there is no blob ", sha256));
      hashes.push_back(sha256);
    }
    return core::BlobNotFound(absl::StrCat(absl::StrJoin(texts, "; "), "; send with Blobs.PutChunk and try again"),
                              hashes);
  }

 private:
  void ReadOptions(const v1::JobOptions& options, core::RequestFields& fields) {
    if (options.has_timeout()) {
      fields.timeout = FromProto(options.timeout());
      if (!fields.timeout) Violate("options.timeout", "is not a valid google.protobuf.Duration");
    }
    fields.priority = options.priority();
    fields.labels.insert(options.labels().begin(), options.labels().end());
    if (options.has_expire_time()) {
      fields.expire_time = FromProto(options.expire_time());
      if (!fields.expire_time) Violate("options.expire_time", "is not a valid google.protobuf.Timestamp");
    }
  }

  void ReadAdapters(const v1::GenerationSpec& spec, core::RequestFields& fields) {
    const auto add = [&](core::AdapterKind kind, const std::string& name) -> core::AdapterUse& {
      return fields.adapters.emplace_back(
          core::AdapterUse{.kind = kind, .name = std::string(absl::StripPrefix(name, kAdapters))});
    };
    const auto add_steering = [&](core::AdapterKind kind, const auto& message) -> core::AdapterUse& {
      core::AdapterUse& use = add(kind, message.name());
      const std::string field = core::AdapterField(fields.adapters, fields.adapters.size() - 1);
      use.image = ReadImage(absl::StrCat(field, ".image"), message.image());
      if (message.has_scale()) use.scale = message.scale();
      return use;
    };
    for (const v1::Lora& lora : spec.loras()) {
      core::AdapterUse& use = add(core::AdapterKind::kLora, lora.name());
      if (lora.has_scale()) use.scale = lora.scale();
    }
    for (const std::string& embedding : spec.embeddings()) add(core::AdapterKind::kEmbedding, embedding);
    if (spec.has_animation()) add(core::AdapterKind::kMotion, spec.animation().motion());
    for (const v1::Control& control : spec.controls()) {
      core::AdapterUse& use = add_steering(core::AdapterKind::kControlNet, control);
      if (control.has_start()) use.start = control.start();
      if (control.has_end()) use.end = control.end();
    }
    for (const v1::ImagePrompt& prompt : spec.image_prompts()) add_steering(core::AdapterKind::kImagePrompt, prompt);
  }

  void ReadTask(const v1::GenerationSpec& spec, core::RequestFields& fields) {
    switch (spec.task_case()) {
      case v1::GenerationSpec::kImageToImage: {
        const v1::ImageToImage& task = spec.image_to_image();
        fields.task = core::Task::kImageToImage;
        fields.image = ReadImage("spec.image_to_image.image", task.image());
        if (task.has_strength()) fields.strength = task.strength();
        if (task.has_denoising_start()) fields.denoising_start = task.denoising_start();
        return;
      }
      case v1::GenerationSpec::kInpaint: {
        const v1::Inpaint& task = spec.inpaint();
        fields.task = core::Task::kInpaint;
        fields.image = ReadImage("spec.inpaint.image", task.image());
        fields.mask = ReadImage("spec.inpaint.mask", task.mask());
        if (task.has_strength()) fields.strength = task.strength();
        return;
      }
      case v1::GenerationSpec::kOutpaint: {
        const v1::Outpaint& task = spec.outpaint();
        fields.task = core::Task::kOutpaint;
        fields.image = ReadImage("spec.outpaint.image", task.image());
        fields.margins = {.left = task.left(), .right = task.right(), .top = task.top(), .bottom = task.bottom()};
        return;
      }
      case v1::GenerationSpec::kClassToImage:
        fields.task = core::Task::kClassToImage;
        fields.class_label = spec.class_to_image().label();
        return;
      case v1::GenerationSpec::kBoxesToImage: {
        const v1::BoxesToImage& task = spec.boxes_to_image();
        fields.task = core::Task::kBoxesToImage;
        for (const v1::Box& box : task.boxes()) {
          fields.boxes.push_back(
              {.phrase = box.phrase(), .x0 = box.x0(), .y0 = box.y0(), .x1 = box.x1(), .y1 = box.y1()});
        }
        if (task.has_scheduled_sampling_beta()) fields.scheduled_sampling_beta = task.scheduled_sampling_beta();
        return;
      }
      case v1::GenerationSpec::kSuperResolution: {
        const v1::SuperResolution& task = spec.super_resolution();
        fields.task = core::Task::kSuperResolution;
        fields.image = ReadImage("spec.super_resolution.low_res", task.low_res());
        if (task.has_noise_level()) fields.noise_level = task.noise_level();
        return;
      }
      case v1::GenerationSpec::kUnconditional:
        fields.task = core::Task::kUnconditional;
        return;
      default:  // not served, or not set
        return;
    }
  }

  // Empty when something is wrong with it, which has been reported then, or when its blob is missing.
  std::optional<core::InputImage> ReadImage(const std::string& field, const v1::InputImage& message) {
    if (message.source_case() == v1::InputImage::SOURCE_NOT_SET) {
      Violate(field, "must be set");
      return std::nullopt;
    }
    const bool is_blob = message.has_blob_sha256();
    const std::string source = absl::StrCat(field, is_blob ? ".blob_sha256" : ".data");
    if (is_blob && !core::IsSha256(message.blob_sha256())) {
      Violate(source, core::kSha256Form);
      return std::nullopt;
    }
    core::Blob file = is_blob ? context_.blobs->Find({.tenant = caller_.tenant, .sha256 = message.blob_sha256()})
                              : std::make_shared<const std::string>(message.data());
    if (file == nullptr) {
      missing_.emplace_back(source, message.blob_sha256());
      return std::nullopt;
    }
    auto image = context_.open_image(std::move(file), message.blob_sha256());
    if (!image.ok()) {
      Violate(source, std::string(image.status().message()));
      return std::nullopt;
    }
    image->is_shared = is_blob;
    image->fit = ReadFit(absl::StrCat(field, ".fit"), message.fit());
    return *std::move(image);
  }

  std::optional<core::Fit> ReadFit(const std::string& field, v1::InputImage::Fit fit) {
    switch (fit) {
      case v1::InputImage::FIT_UNSPECIFIED:
        return std::nullopt;
      case v1::InputImage::FIT_STRETCH:
        return core::Fit::kStretch;
      case v1::InputImage::FIT_CROP:
        return core::Fit::kCrop;
      case v1::InputImage::FIT_PAD:
        return core::Fit::kPad;
      case v1::InputImage::FIT_REFUSE:
        return core::Fit::kRefuse;
      default:
        Violate(field, absl::StrCat("must be a known fit; got ", static_cast<int>(fit)));
        return std::nullopt;
    }
  }

  core::PreviewKind ReadKind(v1::PreviewOptions::Kind kind) {
    switch (kind) {
      case v1::PreviewOptions::KIND_UNSPECIFIED:
      case v1::PreviewOptions::KIND_NONE:
        return core::PreviewKind::kNone;
      case v1::PreviewOptions::KIND_IMAGE:
        return core::PreviewKind::kImage;
      case v1::PreviewOptions::KIND_LATENT:
        return core::PreviewKind::kLatent;
      default:
        Violate("spec.preview.kind", absl::StrCat("must be a known kind; got ", static_cast<int>(kind)));
        return core::PreviewKind::kNone;
    }
  }

  static core::SizeConditioning ReadSizes(const v1::SizeConditioning& message) {
    core::SizeConditioning sizes{.original_width = message.original_width(),
                                 .original_height = message.original_height(),
                                 .crop_left = message.crop_left(),
                                 .crop_top = message.crop_top(),
                                 .target_width = message.target_width(),
                                 .target_height = message.target_height()};
    if (message.has_aesthetic_score()) sizes.aesthetic_score = message.aesthetic_score();
    return sizes;
  }

  std::optional<core::ImageFormat> ReadPictureFormat(const char* field, v1::ImageFormat format) {
    if (format != v1::IMAGE_FORMAT_LATENT) return ReadFormat(field, format);
    Violate(field, "must be a format of pictures (PNG, JPEG, WEBP); previews of kind KIND_LATENT show latents");
    return std::nullopt;
  }

  std::optional<core::ImageFormat> ReadFormat(const char* field, v1::ImageFormat format) {
    switch (format) {
      case v1::IMAGE_FORMAT_UNSPECIFIED:
        return std::nullopt;
      case v1::IMAGE_FORMAT_PNG:
        return core::ImageFormat::kPng;
      case v1::IMAGE_FORMAT_JPEG:
        return core::ImageFormat::kJpeg;
      case v1::IMAGE_FORMAT_WEBP:
        return core::ImageFormat::kWebp;
      case v1::IMAGE_FORMAT_LATENT:
        return core::ImageFormat::kLatent;
      default:
        Violate(field,
                absl::StrCat("must be a known format (PNG, JPEG, WEBP, LATENT); got ", static_cast<int>(format)));
        return std::nullopt;
    }
  }

  std::optional<core::ClipFormat> ReadClipFormat(const char* field, v1::ClipFormat format) {
    switch (format) {
      case v1::CLIP_FORMAT_UNSPECIFIED:
        return std::nullopt;
      case v1::CLIP_FORMAT_WEBP:
        return core::ClipFormat::kWebp;
      case v1::CLIP_FORMAT_GIF:
        return core::ClipFormat::kGif;
      case v1::CLIP_FORMAT_MP4:
        return core::ClipFormat::kMp4;
      default:
        Violate(field, absl::StrCat("must be a known format (WEBP, GIF, MP4); got ", static_cast<int>(format)));
        return std::nullopt;
    }
  }

  void Violate(const std::string& field, const std::string& description) {
    violations_.push_back({field, description});
  }

  const core::Caller& caller_;
  const RequestContext& context_;
  std::vector<core::FieldViolation> violations_;
  std::vector<std::pair<std::string, std::string>> missing_;  // fields, and the blobs that they name
};

// Why this model cannot do such jobs; OK when it can.
absl::Status CheckModel(const core::ModelInfo& model, core::Task task, bool animates) {
  if (model.state == core::ModelState::kBroken) {
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("the model ", model.name, " cannot be used (GetModel says all that is wrong): ",
                                        std::string(model.error.message())),
                           {.reason = "MODEL_BROKEN", .metadata = {{"model", model.name}}});
  }
  if (!model.Does(task)) {
    const std::string tasks =
        absl::StrJoin(model.tasks, ", ", [](std::string* out, core::Task each) { out->append(core::Name(each)); });
    return core::MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the model ", model.name, " cannot do ", std::string(core::Name(task)), "; it can do ", tasks),
        {.reason = "TASK_NOT_OFFERED",
         .metadata = {{"tasks", tasks}},
         .resource_type = "model",
         .resource_name = model.name});
  }
  if (animates && !model.takes_motion) {
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("spec.animation: the model ", model.name, " (", model.architecture,
                                        ") makes no clips: motion modules are for Stable Diffusion 1.x"),
                           {.reason = "ANIMATION_NOT_OFFERED", .resource_type = "model", .resource_name = model.name});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadName(const std::string& field, const std::string& name, const char* form) {
  if (name.empty()) return BadRequest({{field, "must be set"}});
  if (name.size() > kMaxNameBytes) {
    return BadRequest({{field, absl::StrCat("must have at most ", kMaxNameBytes, " bytes; got ", name.size())}});
  }
  if (form != nullptr && (!absl::StartsWith(name, form) || name == form)) {
    return BadRequest({{field, absl::StrCat("must begin with ", form, "; got ", core::Quote(name))}});
  }
  return name;
}

}  // namespace

absl::Status BadRequest(std::vector<core::FieldViolation> violations) {
  std::string message = absl::StrCat(violations.front().field, " ", violations.front().description);
  if (violations.size() > 1) absl::StrAppend(&message, " (and ", violations.size() - 1, " more violations)");
  return core::MakeError(absl::StatusCode::kInvalidArgument, message,
                         {.reason = "INVALID_FIELDS", .violations = std::move(violations)});
}

absl::StatusOr<std::string> ReadModelName(const std::string& field, const std::string& name) {
  absl::StatusOr<std::string> read = ReadName(field, name, nullptr);
  if (!read.ok()) return read;
  const std::string id(absl::StripPrefix(name, kModels));
  if (id.empty()) return BadRequest({{field, "must be set"}});
  return id;
}

absl::StatusOr<std::string> ReadJobName(const std::string& field, const std::string& name) {
  return ReadName(field, name, kJobs);
}

absl::StatusOr<std::shared_ptr<const core::GenerationRequest>> ReadRequest(const core::Caller& caller,
                                                                           const v1::GenerationSpec& spec,
                                                                           const v1::JobOptions& options,
                                                                           absl::Time now,
                                                                           const RequestContext& context) {
  FieldReader reader(caller, context);
  const core::RequestFields fields = reader.Read(spec, options);
  // An empty name has been reported, and is that of no model.
  const absl::StatusOr<core::ModelInfo> model = context.catalog->Find(fields.model);
  absl::Status usable = model.ok()
                            ? CheckModel(*model, core::TaskFor(fields.task, *model), fields.animation.has_value())
                            : model.status();
  if (usable.ok()) usable = core::CheckAdaptersExist(fields.adapters, *model, *context.adapters);
  core::GenerationRequest::Validated validated;
  if (usable.ok()) {
    validated = core::GenerationRequest::Validate(fields, *model, context.limits, now, context.draw_seed);
  } else {
    validated.violations = core::GenerationRequest::CheckWithoutModel(fields, context.limits, now);
  }
  std::vector<core::FieldViolation>& violations = reader.violations();
  violations.insert(violations.end(), validated.violations.begin(), validated.violations.end());
  if (!violations.empty()) return BadRequest(std::move(violations));
  if (!usable.ok()) return usable;
  if (absl::Status missing = reader.missing_blobs(); !missing.ok()) return missing;
  return std::make_shared<const core::GenerationRequest>(*std::move(validated.request));
}

}  // namespace latentd::rpc
