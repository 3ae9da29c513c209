#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "model/samplers/sampler_config.h"

namespace latentd::model {

// kLearned: the network predicts it. kLearnedRange: it predicts where it is between the small and the large one, in
// their logarithms (Nichol and Dhariwal 2021, arXiv:2102.09672, equation 15).
enum class VarianceType { kFixedSmall, kFixedSmallLog, kFixedLarge, kLearned, kLearnedRange };
enum class SolverType { kMidpoint, kHeun };
enum class UnipcType { kBh1, kBh2 };

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

  // The samplers that have sigma spacings. kDefault: the levels of the timesteps.
  SigmaSpacing spacing = SigmaSpacing::kDefault;
  std::optional<double> sigma_min = {};  // ends of the other spacings; empty: those of the timesteps
  std::optional<double> sigma_max = {};
  bool final_sigma_zero = true;  // otherwise the run ends at the first training timestep's sigma

  // euler.
  bool log_linear_interpolation = false;
  bool continuous_timesteps = false;  // v-prediction: the network gets log(sigma) / 4

  // The multistep methods: dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde, unipc, deis.
  int solver_order = 2;
  bool lower_order_final = true;

  // dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde.
  bool stochastic = false;  // of the stochastic differential equation: adds noise in each step
  SolverType solver_type = SolverType::kMidpoint;
  bool euler_at_final = false;
  double lambda_min_clipped = -std::numeric_limits<double>::infinity();

  // unipc.
  bool predict_x0 = true;  // solves for the clean latent, not for the noise
  UnipcType unipc_type = UnipcType::kBh2;
  std::vector<int> disable_corrector = {};  // the steps whose result is not corrected

  // lcm, tcd.
  int original_inference_steps = 50;  // those of the distillation, of which a run visits a part
  double timestep_scaling = 10.0;     // lcm: how fast the boundary condition lets go of the latent
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
