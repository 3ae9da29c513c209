#include "client/cli/generate_flags.h"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/cli/output_files.h"
#include "client/cli/usage.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {
namespace {

// "30" (seconds), "90s", "5m", "1h30m".
absl::Duration ParseTimeout(const std::string& text) {
  absl::Duration duration;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration) || duration == absl::InfiniteDuration()) {
    throw UsageError(absl::StrCat("--timeout ", text, ": must be a time such as 90s or 5m"));
  }
  if (duration <= absl::ZeroDuration()) {
    throw UsageError(absl::StrCat("--timeout ", text, ": must be more than nothing"));
  }
  return duration;
}

// CLI11 would cut a number that is too large to the largest one.
int64_t ParseSeed(const std::string& text) {
  int64_t seed = 0;
  if (!absl::SimpleAtoi(text, &seed) || seed < 0) {
    throw UsageError(absl::StrCat("--seed ", text, ": must be a number from 0 to 9223372036854775807"));
  }
  return seed;
}

// "dpmpp_2m_karras" is short for --sampler dpmpp_2m --sigmas karras.
void SetSampler(const GenerateFlags& flags, v1::GenerationSpec& spec) {
  spec.set_sampler(flags.sampler);
  spec.set_sigmas(flags.sigmas);
  for (const char* sigmas : {"karras", "exponential", "beta"}) {
    const std::string suffix = absl::StrCat("_", sigmas);
    if (!absl::EndsWith(flags.sampler, suffix)) {
      continue;
    }
    if (!flags.sigmas.empty() && flags.sigmas != sigmas) {
      throw UsageError(
          absl::StrCat("--sampler ", flags.sampler, " and --sigmas ", flags.sigmas, " contradict each other"));
    }
    spec.set_sampler(flags.sampler.substr(0, flags.sampler.size() - suffix.size()));
    spec.set_sigmas(sigmas);
  }
}

// "PHRASE@x0,y0,x1,y1"; a phrase may hold an @ itself.
v1::Box ParseBox(const std::string& text) {
  v1::Box box;
  const size_t at = text.rfind('@');
  const std::vector<std::string> sides =
      at == std::string::npos ? std::vector<std::string>() : absl::StrSplit(text.substr(at + 1), ',');
  std::array<double, 4> values{};
  bool fits = sides.size() == values.size() && at > 0;
  for (size_t i = 0; i < values.size() && fits; ++i) fits = absl::SimpleAtod(sides[i], &values[i]);
  if (!fits) throw UsageError(absl::StrCat("--box ", text, ": must be PHRASE@x0,y0,x1,y1"));
  box.set_phrase(text.substr(0, at));
  box.set_x0(values[0]);
  box.set_y0(values[1]);
  box.set_x1(values[2]);
  box.set_y1(values[3]);
  return box;
}

void SetTask(const GenerateFlags& flags, v1::GenerationSpec& spec) {
  const int tasks =
      !flags.init_image.empty() + !flags.low_res.empty() + flags.class_label.has_value() + !flags.boxes.empty();
  if (tasks > 1) throw UsageError("--init-image, --low-res, --class-label and --box exclude each other");
  for (const std::string& text : flags.boxes) *spec.mutable_boxes_to_image()->add_boxes() = ParseBox(text);
  if (flags.noise_level && flags.low_res.empty()) throw UsageError("--noise-level goes with --low-res");
  if (!flags.low_res.empty()) {
    spec.mutable_super_resolution()->mutable_low_res()->set_data(ReadFlagFile("--low-res", flags.low_res));
    if (flags.noise_level) spec.mutable_super_resolution()->set_noise_level(*flags.noise_level);
  }
  if (flags.class_label) spec.mutable_class_to_image()->set_label(*flags.class_label);
  if (flags.init_image.empty()) {
    if (!flags.mask.empty() || flags.strength || flags.denoising_start) {
      throw UsageError("--mask, --strength and --denoising-start go with --init-image");
    }
    return;
  }
  std::string image = ReadFlagFile("--init-image", flags.init_image);
  if (flags.mask.empty()) {
    spec.mutable_image_to_image()->mutable_image()->set_data(std::move(image));
    if (flags.strength) spec.mutable_image_to_image()->set_strength(*flags.strength);
    if (flags.denoising_start) spec.mutable_image_to_image()->set_denoising_start(*flags.denoising_start);
    return;
  }
  if (flags.denoising_start) throw UsageError("--denoising-start does not go with --mask");
  spec.mutable_inpaint()->mutable_image()->set_data(std::move(image));
  spec.mutable_inpaint()->mutable_mask()->set_data(ReadFlagFile("--mask", flags.mask));
  if (flags.strength) spec.mutable_inpaint()->set_strength(*flags.strength);
}

// "NAME" or "NAME:SCALE"; a name may hold colons itself.
std::pair<std::string, std::optional<double>> ParseScaled(const std::string& text) {
  const size_t colon = text.rfind(':');
  double scale = 0;
  if (colon == std::string::npos || !absl::SimpleAtod(text.substr(colon + 1), &scale)) return {text, std::nullopt};
  return {text.substr(0, colon), scale};
}

// A clip's format instead of a picture's, where the file's extension stands for one.
void SetAnimation(const GenerateFlags& flags, CommandLine& line) {
  v1::GenerationSpec& spec = line.spec;
  const FileFormat format = line.out.empty() ? FileFormat() : *FormatOf(line.out);
  if (flags.motion.empty()) {
    if (flags.frames || flags.fps) throw UsageError("--frames and --fps go with --motion");
    if (!line.out.empty() && format.image == v1::IMAGE_FORMAT_UNSPECIFIED) {
      throw UsageError(absl::StrCat("--out ", line.out, ": is for clips, which --motion makes"));
    }
    return;
  }
  spec.mutable_animation()->set_motion(flags.motion);
  spec.mutable_animation()->set_frames(flags.frames.value_or(0));
  spec.mutable_animation()->set_fps(flags.fps.value_or(0));
  if (format.clip == v1::CLIP_FORMAT_UNSPECIFIED) return;
  spec.mutable_output()->clear_format();
  spec.mutable_output()->set_clip_format(format.clip);
}

// "NAME:FILE" or "NAME:FILE:SCALE" into a message of a steering picture; the file's name may hold colons itself.
template <typename Message>
void SetSteering(const char* flag, const std::string& text, Message& message) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    throw UsageError(absl::StrCat(flag, " ", text, ": is not NAME:FILE[:SCALE]"));
  }
  const auto [file, scale] = ParseScaled(text.substr(colon + 1));
  message.set_name(text.substr(0, colon));
  message.mutable_image()->set_data(ReadFlagFile(flag, file));
  if (scale) message.set_scale(*scale);
}

}  // namespace

std::map<std::string, std::string> ParseLabels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(absl::StrCat("--label ", text, ": must be KEY=VALUE"));
    }
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

void AddGenerateFlags(CLI::App& app, CommandLine& line, GenerateFlags& flags) {
  // Zero means "the default" on the wire, so the server could not tell it from a flag that was not given.
  const CLI::Range positive(1, std::numeric_limits<int32_t>::max());
  app.add_option("--model", flags.model, "Model to use; needed when the server has several and the first is not meant");
  app.add_option("--prompt", flags.prompt,
                 "What the picture shows; weights as in (word:1.3), (word), [word]. --class-label and --low-res may do "
                 "without");
  app.add_option("--negative-prompt", flags.negative_prompt, "What it should not show");
  app.add_flag("--literal-prompt", flags.literal_prompt,
               "Take the prompts as they are written: no weights, one window");
  app.add_option("--clip-skip", flags.clip_skip, "How many of the text encoder's last layers are left out")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--steps", flags.steps, "Denoising steps")->check(positive);
  app.add_option("--sampler", flags.sampler, "Sampler, such as ddim; dpmpp_2m_karras also sets --sigmas");
  app.add_option("--sigmas", flags.sigmas, "Noise levels: default, karras, exponential, beta");
  app.add_option("--guidance-scale", flags.guidance_scale, "How strongly the prompt is followed; 1 or less: unguided");
  app.add_option("--eta", flags.eta, "Noise that DDIM and TCD add in each step, 0 to 1");
  app.add_option("--init-image", flags.init_image,
                 "Picture to begin with (.png .jpg .webp), or a latent (.safetensors)");
  app.add_option("--strength", flags.strength, "How much of it is redone, 0 to 1");
  app.add_option("--mask", flags.mask, "Redraw only what is white in this picture, of the same size");
  app.add_option("--low-res", flags.low_res, "Small picture to enlarge (.png .jpg .webp)");
  app.add_option("--noise-level", flags.noise_level, "How much noise it gets first; more leaves more to invent");
  app.add_option("--class-label", flags.class_label, "What to draw, for models that draw classes by number");
  app.add_option("--lora", flags.loras, "A LoRA and how strongly it acts, NAME[:SCALE]; may be repeated");
  app.add_option("--embedding", flags.embeddings,
                 "A textual-inversion embedding whose token the prompt may hold, NAME; may be repeated");
  app.add_option("--box", flags.boxes,
                 "What stands where, \"PHRASE@x0,y0,x1,y1\" in shares of the picture, 0 to 1; may be repeated");
  app.add_option("--motion", flags.motion, "Make a clip, with this motion module");
  app.add_option("--frames", flags.frames, "Its frames (16 when left out)")->check(positive);
  app.add_option("--fps", flags.fps, "Frames a second (8 when left out)")->check(positive);
  app.add_option("--control", flags.controls,
                 "A ControlNet, the picture that steers it and how strongly, NAME:FILE[:SCALE]; may be repeated");
  app.add_option("--image-prompt", flags.image_prompts,
                 "A picture that steers as a prompt does, by an IP-Adapter, NAME:FILE[:SCALE]; may be repeated");
  app.add_option("--denoising-end", flags.denoising_end,
                 "Stop when this share of the denoising is done, 0 to 1; with --out x.safetensors another job goes on");
  app.add_option("--denoising-start", flags.denoising_start,
                 "Go on from there with the latent of --init-image, instead of --strength");
  app.add_option("--seed", flags.seed, "Seed of the first image; the others count on from it");
  app.add_option("--width", flags.width, "Width in pixels")->check(positive);
  app.add_option("--height", flags.height, "Height in pixels")->check(positive);
  app.add_option("--num-images", flags.num_images, "How many pictures")->check(positive);
  app.add_option("--preview-every", flags.preview_every,
                 "Keep a preview of the picture beside it (x.preview.jpg) until it is there, renewed every N steps")
      ->check(positive);
  app.add_option(
      "--out", line.out,
      "File to write (.png .jpg .jpeg .webp, .safetensors for the latent; of clips .webp .gif .mp4, or their "
      "frames); several: x-0.png …");
  app.add_option("--quality", flags.quality, "JPEG and WebP quality, 1 to 100")->check(positive);
  app.add_flag("--omit-prompts", flags.omit_prompts, "Leave the prompts out of the file");
  app.add_option("--timeout", flags.timeout, "The job fails when it is not done after this time, such as 90s or 5m");
  app.add_option("--priority", flags.priority, "Jobs of higher priority begin earlier, -10 to 10");
  app.add_flag("--single-flight", flags.single_flight,
               "Share the run of an equal job that asked for this, too, or take what it has made; needs --seed");
  app.add_option("--label", flags.labels, "A mark of your own, KEY=VALUE; may be repeated");
  app.add_flag("--detach", line.detach, "Print the job's name and return; `watch` gets the pictures");
}

void SetGeneration(const GenerateFlags& flags, CommandLine& line) {
  v1::GenerationSpec& spec = line.spec;
  SetTask(flags, spec);
  SetAnimation(flags, line);
  for (const std::string& text : flags.controls) SetSteering("--control", text, *spec.add_controls());
  for (const std::string& text : flags.loras) {
    const auto [name, scale] = ParseScaled(text);
    v1::Lora& lora = *spec.add_loras();
    lora.set_name(name);
    if (scale) lora.set_scale(*scale);
  }
  for (const std::string& name : flags.embeddings) spec.add_embeddings(name);
  for (const std::string& text : flags.image_prompts) {
    SetSteering("--image-prompt", text, *spec.add_image_prompts());
  }
  spec.set_model(flags.model);
  if (!flags.prompt && flags.low_res.empty() && !flags.class_label) throw UsageError("--prompt is required");
  spec.set_prompt(flags.prompt.value_or(""));
  spec.set_negative_prompt(flags.negative_prompt);
  spec.set_literal_prompt(flags.literal_prompt);
  spec.set_clip_skip(flags.clip_skip);
  SetSampler(flags, spec);
  spec.set_steps(flags.steps.value_or(0));
  spec.set_width(flags.width.value_or(0));
  spec.set_height(flags.height.value_or(0));
  spec.set_num_images(flags.num_images.value_or(1));
  spec.set_eta(flags.eta);
  if (flags.denoising_end) spec.set_denoising_end(*flags.denoising_end);
  if (flags.guidance_scale.has_value()) {
    spec.set_guidance_scale(*flags.guidance_scale);
  }
  if (!flags.seed.empty()) {
    spec.set_seed(ParseSeed(flags.seed));
  }
  spec.mutable_output()->set_quality(flags.quality.value_or(0));
  spec.mutable_output()->set_omit_prompts(flags.omit_prompts);
  if (flags.preview_every.has_value()) {
    if (line.detach) {
      throw UsageError("--preview-every and --detach exclude each other");
    }
    spec.mutable_preview()->set_kind(v1::PreviewOptions::KIND_IMAGE);
    spec.mutable_preview()->set_every_steps(*flags.preview_every);
    spec.mutable_preview()->set_format(v1::IMAGE_FORMAT_JPEG);
  }
  if (line.out.empty() && !line.detach) {
    throw UsageError("--out is required (or --detach)");
  }
  if (!flags.timeout.empty()) {
    *line.options.mutable_timeout() = client::ToProto(ParseTimeout(flags.timeout));
  }
  line.options.set_priority(flags.priority);
  line.options.set_single_flight(flags.single_flight);
  for (const auto& [key, value] : ParseLabels(flags.labels)) {
    (*line.options.mutable_labels())[key] = value;
  }
}

}  // namespace latentd::cli
