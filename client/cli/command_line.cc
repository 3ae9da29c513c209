#include "client/cli/command_line.h"

#include <array>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <optional>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "client/cli/output_files.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {
namespace {

constexpr char kFooter[] =
    "Exit codes:\n"
    "  0    done, every output is written\n"
    "  2    the command line is wrong\n"
    "  3    the server refused the request, or the job failed\n"
    "  4    the job was cancelled by somebody else\n"
    "  5    the server cannot be reached, is not ready, or is too busy\n"
    "  6    the job is completed, but an output failed or was withheld\n"
    "  7    a file could not be written\n"
    "  130  Ctrl-C (143: SIGTERM)\n"
    "\n"
    "Standard output has a progress bar on a terminal, one line for each event in a pipe, and with --json one JSON "
    "object\n"
    "for each event: latentd.v1.Event in protobuf's JSON mapping, without the bytes of chunks and previews. A command\n"
    "with --json that fails ends with {\"error\": google.rpc.Status}. Notices and errors go to standard error.";

// What CLI11 fills in before it goes to messages.
struct RawFlags {
  std::optional<std::string> prompt;
  std::string model, negative_prompt, sampler, sigmas, seed, timeout, job;
  std::optional<int32_t> steps, width, height, num_images, preview_every, quality;
  std::string init_image, mask, low_res;
  std::optional<int32_t> class_label, noise_level;
  std::optional<double> guidance_scale, strength, denoising_start, denoising_end;
  double eta = 0;
  int32_t priority = 0;
  bool omit_prompts = false;
  bool literal_prompt = false;
  int32_t clip_skip = 0;
  std::vector<std::string> labels, states, loras, embeddings, boxes, controls, image_prompts;
  std::string motion;
  std::optional<int32_t> frames, fps;
};

// A problem found after CLI11 was content.
CLI::Error UsageError(const std::string& message) { return CLI::ValidationError(message); }

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
void SetSampler(const RawFlags& flags, v1::GenerationSpec& spec) {
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

std::string ReadPicture(const char* flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || bytes.empty()) throw UsageError(absl::StrCat(flag, " ", path, ": cannot be read, or is empty"));
  return bytes;
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

void SetTask(const RawFlags& flags, v1::GenerationSpec& spec) {
  const int tasks =
      !flags.init_image.empty() + !flags.low_res.empty() + flags.class_label.has_value() + !flags.boxes.empty();
  if (tasks > 1) throw UsageError("--init-image, --low-res, --class-label and --box exclude each other");
  for (const std::string& text : flags.boxes) *spec.mutable_boxes_to_image()->add_boxes() = ParseBox(text);
  if (flags.noise_level && flags.low_res.empty()) throw UsageError("--noise-level goes with --low-res");
  if (!flags.low_res.empty()) {
    spec.mutable_super_resolution()->mutable_low_res()->set_data(ReadPicture("--low-res", flags.low_res));
    if (flags.noise_level) spec.mutable_super_resolution()->set_noise_level(*flags.noise_level);
  }
  if (flags.class_label) spec.mutable_class_to_image()->set_label(*flags.class_label);
  if (flags.init_image.empty()) {
    if (!flags.mask.empty() || flags.strength || flags.denoising_start) {
      throw UsageError("--mask, --strength and --denoising-start go with --init-image");
    }
    return;
  }
  std::string image = ReadPicture("--init-image", flags.init_image);
  if (flags.mask.empty()) {
    spec.mutable_image_to_image()->mutable_image()->set_data(std::move(image));
    if (flags.strength) spec.mutable_image_to_image()->set_strength(*flags.strength);
    if (flags.denoising_start) spec.mutable_image_to_image()->set_denoising_start(*flags.denoising_start);
    return;
  }
  if (flags.denoising_start) throw UsageError("--denoising-start does not go with --mask");
  spec.mutable_inpaint()->mutable_image()->set_data(std::move(image));
  spec.mutable_inpaint()->mutable_mask()->set_data(ReadPicture("--mask", flags.mask));
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
void SetAnimation(const RawFlags& flags, CommandLine& line) {
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

// "NAME:FILE" or "NAME:FILE:SCALE"; the file's name may hold colons itself.
void AddControl(const std::string& text, v1::GenerationSpec& spec) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    throw UsageError(absl::StrCat("--control ", text, ": must be NAME:FILE or NAME:FILE:SCALE"));
  }
  const auto [file, scale] = ParseScaled(text.substr(colon + 1));
  v1::Control& control = *spec.add_controls();
  control.set_name(text.substr(0, colon));
  control.mutable_image()->set_data(ReadPicture("--control", file));
  if (scale) control.set_scale(*scale);
}

// "NAME:FILE" or "NAME:FILE:SCALE"; a file's name may hold colons itself.
void SetImagePrompt(const std::string& text, v1::ImagePrompt& prompt) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) throw UsageError(absl::StrCat("--image-prompt ", text, ": is not NAME:FILE[:SCALE]"));
  const auto [file, scale] = ParseScaled(text.substr(colon + 1));
  prompt.set_name(text.substr(0, colon));
  prompt.mutable_image()->set_data(ReadPicture("--image-prompt", file));
  if (scale) prompt.set_scale(*scale);
}

void SetGeneration(const RawFlags& flags, CommandLine& line) {
  v1::GenerationSpec& spec = line.spec;
  SetTask(flags, spec);
  SetAnimation(flags, line);
  for (const std::string& text : flags.controls) AddControl(text, spec);
  for (const std::string& text : flags.loras) {
    const auto [name, scale] = ParseScaled(text);
    v1::Lora& lora = *spec.add_loras();
    lora.set_name(name);
    if (scale) lora.set_scale(*scale);
  }
  for (const std::string& name : flags.embeddings) spec.add_embeddings(name);
  for (const std::string& text : flags.image_prompts) SetImagePrompt(text, *spec.add_image_prompts());
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
  for (const auto& [key, value] : ParseLabels(flags.labels)) {
    (*line.options.mutable_labels())[key] = value;
  }
}

void SetOut(CommandLine& line) {
  if (line.out.empty()) {
    return;
  }
  const absl::StatusOr<FileFormat> format = FormatOf(line.out);
  if (!format.ok()) {
    throw UsageError(std::string(format.status().message()));
  }
  line.spec.mutable_output()->set_format(format->image);
}

std::vector<v1::Job::State> ParseStates(const std::vector<std::string>& texts) {
  std::vector<v1::Job::State> states;
  for (const std::string& text : texts) {
    v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
    if (!v1::Job::State_Parse(absl::StrCat("STATE_", absl::AsciiStrToUpper(text)), &state)) {
      throw UsageError(absl::StrCat("--state ", text, ": must be queued, running, completed, failed or cancelled"));
    }
    states.push_back(state);
  }
  return states;
}

void AddGenerate(CLI::App& app, CommandLine& line, RawFlags& flags) {
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
  app.add_option("--label", flags.labels, "A mark of your own, KEY=VALUE; may be repeated");
  app.add_flag("--detach", line.detach, "Print the job's name and return; `watch` gets the pictures");
}

// "jobs/" may be left out.
std::string JobName(const std::string& text) {
  return absl::StartsWith(text, "jobs/") ? text : absl::StrCat("jobs/", text);
}

void Parse(CLI::App& app, int argc, const char* const* argv, CommandLine& line) {
  RawFlags flags;
  app.require_subcommand(0, 1);  // so that a wrong command is named
  app.footer(kFooter);
  CLI::App* generate = app.add_subcommand("generate", "Make pictures and write them to files");
  CLI::App* models = app.add_subcommand("models", "List the server's models");
  CLI::App* adapters = app.add_subcommand("adapters", "List the server's LoRAs and other adapters");
  CLI::App* jobs = app.add_subcommand("jobs", "List the server's jobs, newest first");
  CLI::App* watch = app.add_subcommand("watch", "Follow a job to its end; Ctrl-C leaves it running");
  CLI::App* cancel = app.add_subcommand("cancel", "Cancel a job");
  CLI::App* health = app.add_subcommand("health", "Tell whether the server is ready");
  for (CLI::App* command : {generate, models, adapters, jobs, watch, cancel, health}) {
    command->add_option("--server", line.server, "Address of the server")->capture_default_str();
    command->add_flag("--json", line.json, "Print JSON, one object a line");
  }
  AddGenerate(*generate, line, flags);
  watch->add_option("JOB", flags.job, "The job's name")->required();
  watch->add_option("--after", line.after, "Only events after this sequence number")->check(CLI::NonNegativeNumber);
  watch->add_option("--out", line.out, "File to write, as for generate");
  cancel->add_option("JOB", flags.job, "The job's name")->required();
  jobs->add_option("--state", flags.states, "Only jobs in this state; may be repeated");
  jobs->add_option("--label", flags.labels, "Only jobs with this label, KEY=VALUE; may be repeated");

  app.parse(argc, argv);

  SetOut(line);
  line.job = JobName(flags.job);
  if (generate->parsed()) {
    line.command = Command::kGenerate;
    SetGeneration(flags, line);
  } else if (jobs->parsed()) {
    line.command = Command::kJobs;
    line.states = ParseStates(flags.states);
    line.labels = ParseLabels(flags.labels);
  } else if (models->parsed()) {
    line.command = Command::kModels;
  } else if (adapters->parsed()) {
    line.command = Command::kAdapters;
  } else if (watch->parsed()) {
    line.command = Command::kWatch;
  } else if (cancel->parsed()) {
    line.command = Command::kCancel;
  } else if (!health->parsed()) {
    throw UsageError("a command is required");
  }
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("latentctl: makes pictures with a latentd server", "latentctl");
  try {
    Parse(app, argc, argv, line);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kDone;
  } catch (const CLI::Error& error) {
    std::cerr << "error: " << error.what() << "\nSee latentctl --help.\n";
    return kUsage;
  }
  return line;
}

}  // namespace latentd::cli
