#include "server/rpc/field_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/core/adapter_fields.h"
#include "server/core/blob_store.h"
#include "server/rpc/enums.h"
#include "server/rpc/resource_names.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {
namespace {

constexpr char kAdapters[] = "adapters/";
constexpr char kPictureFormats[] = "format (PNG, JPEG, WEBP, LATENT)";

core::SizeConditioning ReadSizes(const v1::SizeConditioning& message) {
  core::SizeConditioning sizes{.original_width = message.original_width(),
                               .original_height = message.original_height(),
                               .crop_left = message.crop_left(),
                               .crop_top = message.crop_top(),
                               .target_width = message.target_width(),
                               .target_height = message.target_height()};
  if (message.has_aesthetic_score()) sizes.aesthetic_score = message.aesthetic_score();
  return sizes;
}

}  // namespace

template <typename Table>
auto FieldReader::ReadEnum(const std::string& field, const Table& table, int value, const char* what) {
  const auto known = FromProto(table, value);
  if (!known && value != 0) Violate(field, absl::StrCat("must be a known ", what, "; got ", value));
  return known;
}

core::RequestFields FieldReader::Read(const v1::GenerationSpec& spec, const v1::JobOptions& options) {
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
  if (spec.has_animation()) fields.animation = {.frames = spec.animation().frames(), .fps = spec.animation().fps()};
  ReadPreview(spec.preview(), fields);
  ReadOutput(spec.output(), fields);
  ReadOptions(options, fields);
  return fields;
}

absl::Status FieldReader::missing_blobs() const {
  if (missing_.empty()) return absl::OkStatus();
  std::vector<std::string> texts, hashes;
  for (const auto& [field, sha256] : missing_) {
    texts.push_back(absl::StrCat(field, ": there is no blob ", sha256));
    hashes.push_back(sha256);
  }
  return core::BlobNotFound(absl::StrCat(absl::StrJoin(texts, "; "), "; send with Blobs.PutChunk and try again"),
                            hashes);
}

void FieldReader::ReadTask(const v1::GenerationSpec& spec, core::RequestFields& fields) {
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
      fields.mask_kind =
          ReadEnum("spec.inpaint.mask_kind", kMaskKinds, task.mask_kind(), "kind").value_or(core::MaskKind::kWhite);
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

void FieldReader::ReadAdapters(const v1::GenerationSpec& spec, core::RequestFields& fields) {
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
  // A message has room for millions: of a list that is too long nothing is read.
  const auto each = [&](core::AdapterKind kind, const auto& list, const auto& read) {
    if (auto violation = core::CheckAdapterCount(kind, list.size())) {
      violations_.push_back(*std::move(violation));
    } else {
      std::for_each(list.begin(), list.end(), read);
    }
  };
  each(core::AdapterKind::kLora, spec.loras(), [&](const v1::Lora& lora) {
    core::AdapterUse& use = add(core::AdapterKind::kLora, lora.name());
    if (lora.has_scale()) use.scale = lora.scale();
  });
  each(core::AdapterKind::kEmbedding, spec.embeddings(),
       [&](const std::string& embedding) { add(core::AdapterKind::kEmbedding, embedding); });
  if (spec.has_animation()) add(core::AdapterKind::kMotion, spec.animation().motion());
  each(core::AdapterKind::kControlNet, spec.controls(), [&](const v1::Control& control) {
    core::AdapterUse& use = add_steering(core::AdapterKind::kControlNet, control);
    if (control.has_start()) use.start = control.start();
    if (control.has_end()) use.end = control.end();
  });
  each(core::AdapterKind::kImagePrompt, spec.image_prompts(),
       [&](const v1::ImagePrompt& prompt) { add_steering(core::AdapterKind::kImagePrompt, prompt); });
}

void FieldReader::ReadPreview(const v1::PreviewOptions& preview, core::RequestFields& fields) {
  fields.preview_kind =
      ReadEnum("spec.preview.kind", kPreviewKinds, preview.kind(), "kind").value_or(core::PreviewKind::kNone);
  fields.preview_every_steps = preview.every_steps();
  fields.preview_max_edge = preview.max_edge();
  if (preview.format() == v1::IMAGE_FORMAT_LATENT) {
    Violate("spec.preview.format",
            "must be a format of pictures (PNG, JPEG, WEBP); previews of kind KIND_LATENT show latents");
  } else {
    fields.preview_format = ReadEnum("spec.preview.format", kImageFormats, preview.format(), kPictureFormats);
  }
}

void FieldReader::ReadOutput(const v1::OutputOptions& output, core::RequestFields& fields) {
  fields.output_format = ReadEnum("spec.output.format", kImageFormats, output.format(), kPictureFormats);
  fields.clip_format =
      ReadEnum("spec.output.clip_format", kClipFormats, output.clip_format(), "format (WEBP, GIF, MP4)");
  fields.output_quality = output.quality();
  fields.omit_prompts = output.omit_prompts();
}

void FieldReader::ReadOptions(const v1::JobOptions& options, core::RequestFields& fields) {
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
  fields.single_flight = options.single_flight();
}

absl::StatusOr<core::InputImage> FieldReader::Open(const v1::InputImage& message) {
  if (!message.has_blob_sha256()) return open_image_(message);
  const auto known = blobs_.find(message.blob_sha256());
  if (known != blobs_.end()) return known->second;
  return blobs_.emplace(message.blob_sha256(), open_image_(message)).first->second;
}

std::optional<core::InputImage> FieldReader::ReadImage(const std::string& field, const v1::InputImage& message) {
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
  absl::StatusOr<core::InputImage> image = Open(message);
  if (absl::IsNotFound(image.status())) {
    missing_.emplace_back(source, message.blob_sha256());
    return std::nullopt;
  }
  const absl::Status& opened = image.status();
  if (absl::IsUnavailable(opened) || absl::IsResourceExhausted(opened) || absl::IsInternal(opened)) {
    store_error_ = opened;
    return std::nullopt;
  }
  if (!image.ok()) {
    Violate(source, std::string(image.status().message()));
    return std::nullopt;
  }
  image->is_shared = is_blob;
  image->fit = ReadEnum(absl::StrCat(field, ".fit"), kFits, message.fit(), "fit");
  return *std::move(image);
}

void FieldReader::Violate(const std::string& field, const std::string& description) {
  violations_.push_back({field, description});
}

}  // namespace latentd::rpc
