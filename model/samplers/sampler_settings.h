#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "model/samplers/sampler_config.h"

namespace latentd::model {

enum class VarianceType { kFixedSmall, kFixedSmallLog, kFixedLarge };
enum class SolverType { kMidpoint, kHeun };

// What one sampler class makes of a SamplerConfig: every option has its value. Options that the class does not have
// keep the value that means "off".
struct SamplerSettings {
  // The noise that the model was trained with.
  int num_train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  BetaSchedule beta_schedule = BetaSchedule::kLinear;
  std::vector<double> trained_betas = {};  // replaces the three above when not empty
  bool rescale_betas_zero_snr = false;     // the last training timestep is pure noise
  PredictionType prediction_type = PredictionType::kEpsilon;

  // The timesteps that a run visits.
  TimestepSpacing timestep_spacing = TimestepSpacing::kLeading;
  int steps_offset = 0;  // added to every timestep, "leading" only

  // What is done to the predicted clean latent. Thresholding wins over clipping.
  bool clip_sample = false;
  double clip_sample_range = 1.0;
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;  // the quantile of |x0|
  double sample_max_value = 1.0;              // its upper bound

  bool set_alpha_to_one = false;  // ddim, pndm: the last step ends at alphas_cumprod 1 instead of alphas_cumprod[0]
  bool skip_prk_steps = false;    // pndm: no Runge-Kutta warm-up
  VarianceType variance_type = VarianceType::kFixedSmall;  // ddpm

  // euler, heun, dpmpp_2m.
  bool karras = false;
  std::optional<double> sigma_min = {};  // ends of the Karras spacing; empty: those of the timesteps
  std::optional<double> sigma_max = {};
  bool final_sigma_zero = true;  // otherwise the run ends at the first training timestep's sigma

  // euler.
  bool log_linear_interpolation = false;
  bool continuous_timesteps = false;  // v-prediction: the network gets log(sigma) / 4

  // dpmpp_2m.
  int solver_order = 2;
  SolverType solver_type = SolverType::kMidpoint;
  bool lower_order_final = true;
  bool euler_at_final = false;
  double lambda_min_clipped = -std::numeric_limits<double>::infinity();
};

struct FieldProblem {
  std::string field;
  std::string what;
};

// Does what `Class.from_config(scheduler.config)` of diffusers 0.42.1 does: fields that the class of `kind` has are
// carried over, absent ones get that class's default, fields of other classes have no effect. A value that the class
// reads and that is not supported is added to `problems`.
SamplerSettings ResolveSettings(const SamplerConfig& config, SamplerKind kind, SigmaSpacing spacing,
                                std::vector<FieldProblem>& problems);

}  // namespace latentd::model
