#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

enum class SamplerKind { kDdpm, kDdim, kPndm, kEuler, kEulerAncestral, kHeun, kDpmpp2m };
enum class SigmaSpacing { kDefault, kKarras };
enum class BetaSchedule { kLinear, kScaledLinear, kSquaredCosine };
enum class PredictionType { kEpsilon, kSample, kV };
enum class TimestepSpacing { kLeading, kLinspace, kTrailing };

// The names of the API and the command line ("euler_a", "dpmpp_2m"; "default", "karras").
std::string_view Name(SamplerKind kind);
std::string_view Name(SigmaSpacing spacing);
std::optional<SamplerKind> ParseSamplerKind(std::string_view name);
std::optional<SigmaSpacing> ParseSigmaSpacing(std::string_view name);
const std::vector<SamplerKind>& AllSamplerKinds();

// A model's `scheduler/scheduler_config.json`: how it was trained, and the options of its sampler. Field names and
// defaults are diffusers' own; the defaults of fields that the file omits depend on the class that the file names, and,
// when a request picks another sampler, on that sampler's class, exactly as `Scheduler.from_config` does it.
struct SamplerConfig {
  SamplerKind kind = SamplerKind::kDdim;  // the class that the file names: the model's own sampler

  int num_train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  BetaSchedule beta_schedule = BetaSchedule::kLinear;
  std::vector<double> trained_betas;  // replaces the three above when not empty
  PredictionType prediction_type = PredictionType::kEpsilon;
  bool rescale_betas_zero_snr = false;

  // Options whose default differs between diffusers' classes: empty when the file does not say.
  std::optional<TimestepSpacing> timestep_spacing;
  std::optional<int> steps_offset;
  std::optional<bool> clip_sample;
  std::optional<double> clip_sample_range;
  std::optional<bool> thresholding;
  std::optional<double> dynamic_thresholding_ratio;
  std::optional<double> sample_max_value;
  std::optional<bool> set_alpha_to_one;
  std::optional<bool> skip_prk_steps;
  std::optional<bool> use_karras_sigmas;
  std::optional<std::string> variance_type;
  std::optional<std::string> algorithm_type;
  std::optional<std::string> solver_type;
  std::optional<int> solver_order;
  std::optional<bool> lower_order_final;
  std::optional<bool> euler_at_final;
  std::optional<std::string> final_sigmas_type;
  std::optional<std::string> interpolation_type;
  std::optional<double> sigma_min;
  std::optional<double> sigma_max;

  // Reads the file strictly: throws ModelError that names every field or value that is not supported.
  static SamplerConfig FromFile(const std::filesystem::path& file);
};

}  // namespace latentd::model
