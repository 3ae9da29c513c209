#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/samplers/sampler_kind.h"

namespace latentd::model {

enum class BetaSchedule { kLinear, kScaledLinear, kSquaredCosine };
enum class PredictionType { kEpsilon, kSample, kV };
enum class TimestepSpacing { kLeading, kLinspace, kTrailing };

// A model's `scheduler/scheduler_config.json`: how it was trained, and the options of its sampler. Field names are
// diffusers' own. What a file does not say stays empty, since the default depends on the class that reads it: the
// file's own, or the one that a request picks (sampler_settings.h, as `Scheduler.from_config` does it).
struct SamplerConfig {
  SamplerKind kind = SamplerKind::kDdim;  // the class that the file names: the model's own sampler

  // Set by whoever loads a folder whose model_index.json names a StableDiffusionPipeline (text, image or inpainting):
  // its constructor changes the scheduler that it is given, to steps_offset 1 and clip_sample false.
  bool stable_diffusion_pipeline = false;

  // Set by whoever loads a folder whose model_index.json names a LatentConsistencyModelPipeline (text or image):
  // image-to-image shortens the schedule of lcm and tcd there, instead of leaving out steps of it.
  bool latent_consistency_pipeline = false;

  int num_train_timesteps = 1000;
  std::optional<double> beta_start;
  std::optional<double> beta_end;
  std::optional<BetaSchedule> beta_schedule;
  std::vector<double> trained_betas;  // replaces the three above when not empty
  PredictionType prediction_type = PredictionType::kEpsilon;

  std::optional<bool> rescale_betas_zero_snr;
  std::optional<TimestepSpacing> timestep_spacing;
  std::optional<int> steps_offset;
  std::optional<bool> clip_sample;
  std::optional<double> clip_sample_range;
  std::optional<bool> thresholding;
  std::optional<double> dynamic_thresholding_ratio;
  std::optional<double> sample_max_value;
  std::optional<bool> set_alpha_to_one;
  std::optional<bool> skip_prk_steps;
  std::optional<std::string> variance_type;
  std::optional<double> sigma_min;
  std::optional<double> sigma_max;
  std::optional<std::string> interpolation_type;
  std::optional<std::string> timestep_type;
  std::optional<std::string> final_sigmas_type;
  std::optional<std::string> algorithm_type;
  std::optional<std::string> solver_type;
  std::optional<int> solver_order;
  std::optional<bool> lower_order_final;
  std::optional<bool> euler_at_final;
  std::optional<double> lambda_min_clipped;
  std::optional<bool> predict_x0;
  std::vector<int> disable_corrector;
  std::optional<double> noise_sampler_seed;
  std::optional<int> original_inference_steps;
  std::optional<double> timestep_scaling;
  bool use_karras_sigmas = false;
  bool use_exponential_sigmas = false;
  bool use_beta_sigmas = false;
  bool use_lu_lambdas = false;
  bool use_flow_sigmas = false;
  bool use_dynamic_shifting = false;

  // Reads the file strictly: throws ModelError with every field or value that is not supported by the model's own
  // sampler, and every field that no class of diffusers has.
  static SamplerConfig FromFile(const std::filesystem::path& file);

  // The same for a parsed document; `where` is how errors call it.
  static SamplerConfig FromJson(const std::string& where, const nlohmann::json& object);

  bool operator==(const SamplerConfig&) const = default;
};

}  // namespace latentd::model
