#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/cli/command_line.h"

namespace latentd::cli {

// What CLI11 fills in before it goes to messages.
struct GenerateFlags {
  std::optional<std::string> prompt;
  std::string model, negative_prompt, sampler, sigmas, seed, timeout;
  std::optional<int32_t> steps, width, height, num_images, preview_every, quality;
  std::string init_image, mask, low_res;
  std::optional<int32_t> class_label, noise_level;
  std::optional<double> guidance_scale, strength, denoising_start, denoising_end;
  double eta = 0;
  int32_t priority = 0;
  bool single_flight = false;
  bool omit_prompts = false;
  bool literal_prompt = false;
  int32_t clip_skip = 0;
  std::vector<std::string> labels, loras, embeddings, boxes, controls, image_prompts;
  std::string motion;
  std::optional<int32_t> frames, fps;
};

// "KEY=VALUE" each. Throws CLI::Error.
std::map<std::string, std::string> ParseLabels(const std::vector<std::string>& texts);

// The flags of `generate`. `line` and `flags` outlive the parsing.
void AddGenerateFlags(CLI::App& app, CommandLine& line, GenerateFlags& flags);

// The request that they stand for. Throws CLI::Error. REQUIRES: line.out stands for a format, or is empty.
void SetGeneration(const GenerateFlags& flags, CommandLine& line);

}  // namespace latentd::cli
