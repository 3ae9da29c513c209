#include "server/rpc/job_messages.h"

#include "server/rpc/enums.h"
#include "server/rpc/status.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {

namespace {

// Pictures are shown by their hash.
void SetImage(const std::optional<core::InputImage>& image, v1::InputImage& out) {
  if (!image) return;
  out.set_blob_sha256(image->sha256);
  if (image->fit) out.set_fit(ToProto(kFits, *image->fit));
}

void SetSizes(const core::SizeConditioning& sizes, v1::SizeConditioning& out) {
  out.set_original_width(sizes.original_width);
  out.set_original_height(sizes.original_height);
  out.set_crop_left(sizes.crop_left);
  out.set_crop_top(sizes.crop_top);
  out.set_target_width(sizes.target_width);
  out.set_target_height(sizes.target_height);
  if (sizes.aesthetic_score) out.set_aesthetic_score(*sizes.aesthetic_score);
}

void SetTask(const core::RequestFields& fields, v1::GenerationSpec& spec) {
  if (!fields.task) return;
  switch (*fields.task) {
    case core::Task::kImageToImage:
      SetImage(fields.image, *spec.mutable_image_to_image()->mutable_image());
      if (fields.denoising_start) {
        spec.mutable_image_to_image()->set_denoising_start(*fields.denoising_start);
      } else {
        spec.mutable_image_to_image()->set_strength(fields.strength.value_or(1));
      }
      return;
    case core::Task::kInpaint:
      SetImage(fields.image, *spec.mutable_inpaint()->mutable_image());
      SetImage(fields.mask, *spec.mutable_inpaint()->mutable_mask());
      spec.mutable_inpaint()->set_strength(fields.strength.value_or(1));
      spec.mutable_inpaint()->set_mask_kind(ToProto(kMaskKinds, fields.mask_kind));
      return;
    case core::Task::kOutpaint: {
      v1::Outpaint& out = *spec.mutable_outpaint();
      SetImage(fields.image, *out.mutable_image());
      out.set_left(fields.margins.left);
      out.set_right(fields.margins.right);
      out.set_top(fields.margins.top);
      out.set_bottom(fields.margins.bottom);
      return;
    }
    case core::Task::kUnconditional:
      spec.mutable_unconditional();
      return;
    case core::Task::kClassToImage:
      spec.mutable_class_to_image()->set_label(fields.class_label.value_or(0));
      return;
    case core::Task::kSuperResolution:
      SetImage(fields.image, *spec.mutable_super_resolution()->mutable_low_res());
      if (fields.noise_level) spec.mutable_super_resolution()->set_noise_level(*fields.noise_level);
      return;
    case core::Task::kBoxesToImage: {
      v1::BoxesToImage& out = *spec.mutable_boxes_to_image();
      for (const core::PhraseBox& box : fields.boxes) {
        v1::Box& to = *out.add_boxes();
        to.set_phrase(box.phrase);
        to.set_x0(box.x0);
        to.set_y0(box.y0);
        to.set_x1(box.x1);
        to.set_y1(box.y1);
      }
      if (fields.scheduled_sampling_beta) out.set_scheduled_sampling_beta(*fields.scheduled_sampling_beta);
      return;
    }
    case core::Task::kTextToImage:
      return;
  }
}

void SetAdapters(const core::RequestFields& fields, v1::GenerationSpec& spec) {
  for (const core::AdapterUse& adapter : fields.adapters) {
    switch (adapter.kind) {
      case core::AdapterKind::kLora: {
        v1::Lora& lora = *spec.add_loras();
        lora.set_name(adapter.name);
        lora.set_scale(adapter.scale);
        break;
      }
      case core::AdapterKind::kControlNet: {
        v1::Control& control = *spec.add_controls();
        control.set_name(adapter.name);
        SetImage(adapter.image, *control.mutable_image());
        control.set_scale(adapter.scale);
        control.set_start(adapter.start);
        control.set_end(adapter.end);
        break;
      }
      case core::AdapterKind::kMotion:
        spec.mutable_animation()->set_motion(adapter.name);
        break;
      case core::AdapterKind::kImagePrompt: {
        v1::ImagePrompt& prompt = *spec.add_image_prompts();
        prompt.set_name(adapter.name);
        SetImage(adapter.image, *prompt.mutable_image());
        prompt.set_scale(adapter.scale);
        break;
      }
      case core::AdapterKind::kEmbedding:
        spec.add_embeddings(adapter.name);
        break;
    }
  }
}

}  // namespace

v1::GenerationSpec SpecToProto(const core::RequestFields& fields) {
  v1::GenerationSpec spec;
  spec.set_model(fields.model);
  SetTask(fields, spec);
  spec.set_prompt(fields.prompt);
  spec.set_negative_prompt(fields.negative_prompt);
  spec.set_prompt_2(fields.prompt_2);
  spec.set_negative_prompt_2(fields.negative_prompt_2);
  spec.set_literal_prompt(fields.literal_prompt);
  spec.set_clip_skip(fields.clip_skip);
  spec.set_width(fields.width);
  spec.set_height(fields.height);
  if (fields.size_conditioning) SetSizes(*fields.size_conditioning, *spec.mutable_size_conditioning());
  if (fields.negative_size_conditioning) {
    SetSizes(*fields.negative_size_conditioning, *spec.mutable_negative_size_conditioning());
  }
  spec.set_num_images(fields.num_images);
  if (fields.seed) spec.set_seed(*fields.seed);
  spec.set_steps(fields.steps);
  if (fields.denoising_end) spec.set_denoising_end(*fields.denoising_end);
  spec.set_sampler(fields.sampler);
  spec.set_sigmas(fields.sigmas);
  if (fields.guidance_scale) spec.set_guidance_scale(*fields.guidance_scale);
  spec.set_guidance_rescale(fields.guidance_rescale);
  spec.set_eta(fields.eta);
  SetAdapters(fields, spec);
  if (fields.animation) {
    spec.mutable_animation()->set_frames(fields.animation->frames);
    spec.mutable_animation()->set_fps(fields.animation->fps);
  }
  v1::PreviewOptions& preview = *spec.mutable_preview();
  preview.set_kind(ToProto(kPreviewKinds, fields.preview_kind));
  preview.set_every_steps(fields.preview_every_steps);
  preview.set_max_edge(fields.preview_max_edge);
  if (fields.preview_format) preview.set_format(ToProto(kImageFormats, *fields.preview_format));
  v1::OutputOptions& output = *spec.mutable_output();
  if (fields.output_format) output.set_format(ToProto(kImageFormats, *fields.output_format));
  if (fields.clip_format) output.set_clip_format(ToProto(kClipFormats, *fields.clip_format));
  output.set_quality(fields.output_quality);
  output.set_omit_prompts(fields.omit_prompts);
  return spec;
}

v1::JobOptions OptionsToProto(const core::RequestFields& fields) {
  v1::JobOptions options;
  if (fields.timeout) *options.mutable_timeout() = ToProto(*fields.timeout);
  options.set_priority(fields.priority);
  options.mutable_labels()->insert(fields.labels.begin(), fields.labels.end());
  if (fields.expire_time) *options.mutable_expire_time() = ToProto(*fields.expire_time);
  options.set_single_flight(fields.single_flight);
  return options;
}

v1::Warning ToProto(const core::Warning& warning) {
  v1::Warning out;
  out.set_reason(warning.reason);
  out.set_field(warning.field);
  out.set_message(warning.message);
  return out;
}

v1::Output ToProto(const core::Output& output) {
  v1::Output out;
  out.set_index(output.index);
  out.set_kind(output.frames > 0 ? v1::Output::KIND_CLIP : v1::Output::KIND_IMAGE);
  out.set_state(ToProto(kOutputStates, output.state));
  if (!output.error.ok()) *out.mutable_error() = ToRpcStatus(output.error);
  out.set_seed(output.seed);
  out.set_media_type(output.media_type);
  out.set_width(output.width);
  out.set_height(output.height);
  out.set_frames(output.frames);
  out.set_fps(output.fps);
  out.set_size(output.data != nullptr ? static_cast<int64_t>(output.data->size()) : 0);
  out.set_sha256(output.sha256);
  out.set_flagged(output.flagged);
  return out;
}

v1::Usage ToProto(const core::Usage& usage) {
  v1::Usage out;
  *out.mutable_queue_time() = ToProto(usage.queue_time);
  *out.mutable_encode_time() = ToProto(usage.encode_time);
  *out.mutable_denoise_time() = ToProto(usage.denoise_time);
  *out.mutable_decode_time() = ToProto(usage.decode_time);
  out.set_evaluations(usage.evaluations);
  out.set_pixel_evaluations(usage.pixel_evaluations);
  out.set_failed_outputs(usage.failed_outputs);
  return out;
}

v1::Job ToProto(const core::Job& job) {
  v1::Job out;
  out.set_name(job.name);
  *out.mutable_spec() = SpecToProto(job.request->fields());
  *out.mutable_options() = OptionsToProto(job.request->fields());
  out.set_request_id(job.request_id);
  out.set_state(ToProto(kJobStates, job.state));
  *out.mutable_create_time() = ToProto(job.create_time);
  if (job.start_time) *out.mutable_start_time() = ToProto(*job.start_time);
  if (job.end_time) *out.mutable_end_time() = ToProto(*job.end_time);
  if (job.expire_time) *out.mutable_expire_time() = ToProto(*job.expire_time);
  out.set_last_sequence(job.last_sequence);
  for (const core::Output& output : job.outputs) *out.add_outputs() = ToProto(output);
  if (!job.error.ok()) *out.mutable_error() = ToRpcStatus(job.error);
  if (job.usage) *out.mutable_usage() = ToProto(*job.usage);
  for (const core::Warning& warning : job.warnings) *out.add_warnings() = ToProto(warning);
  return out;
}

}  // namespace latentd::rpc
