#include "model/samplers/sampler_settings.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace latentd::model {
namespace {

using enum SamplerKind;

bool IsOneOf(SamplerKind kind, std::initializer_list<SamplerKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

class Resolver {
 public:
  Resolver(const SamplerConfig& config, SamplerKind kind, SigmaSpacing spacing, std::vector<FieldProblem>& problems)
      : config_(config), kind_(kind), spacing_(spacing), problems_(problems) {}

  SamplerSettings Resolve() {
    ResolveTraining();
    ResolveTimesteps();
    ResolveClean();
    if (SpacingsOf(kind_).size() > 1) ResolveSigmas();
    switch (kind_) {
      case kDdpm:
        ResolveVariance();
        break;
      case kDdim:
        settings_.set_alpha_to_one = config_.set_alpha_to_one.value_or(true);
        break;
      case kPndm:
        settings_.set_alpha_to_one = config_.set_alpha_to_one.value_or(false);
        settings_.skip_prk_steps = config_.skip_prk_steps.value_or(false);
        break;
      case kEuler:
        ResolveFinalSigma();
        settings_.log_linear_interpolation =
            Choose("interpolation_type", config_.interpolation_type, {"linear", "log_linear"}) == "log_linear";
        settings_.continuous_timesteps =
            Choose("timestep_type", config_.timestep_type, {"discrete", "continuous"}) == "continuous" &&
            config_.prediction_type == PredictionType::kV;
        break;
      case kDpmpp2m:
      case kDpmpp2mSde:
      case kDpmpp3mSde:
        ResolveFinalSigma();
        ResolveMultistep();
        ResolveDpmpp();
        break;
      case kUnipc:
        ResolveFinalSigma();
        ResolveMultistep();
        ResolveUnipc();
        break;
      case kDeis:
        ResolveMultistep();
        ResolveDeis();
        break;
      case kLcm:
      case kTcd:
        ResolveConsistency();
        break;
      case kDpmppSde:
        if (config_.noise_sampler_seed) {
          Problem("noise_sampler_seed", "is not supported: the noise is drawn from the row's own seed");
        }
        break;
      case kEulerAncestral:
      case kHeun:
      case kLms:
      case kDpm2:
      case kDpm2Ancestral:
        break;
    }
    return settings_;
  }

 private:
  void Problem(std::string field, std::string what) { problems_.push_back({std::move(field), std::move(what)}); }

  // The value of a choice; the first of `choices` is the class's default.
  std::string Choose(const std::string& field, const std::optional<std::string>& value,
                     std::initializer_list<std::string_view> choices) {
    if (!value) return std::string(*choices.begin());
    if (std::find(choices.begin(), choices.end(), *value) != choices.end()) return *value;
    std::string known;
    for (const std::string_view choice : choices) known += (known.empty() ? "" : ", ") + std::string(choice);
    Problem(field, "'" + *value + "' is not supported by " + std::string(Name(kind_)) + " (supported: " + known + ")");
    return std::string(*choices.begin());
  }

  // The file's own scheduler, which a pipeline changes in place; others are made from its configuration.
  bool IsOwn() const { return kind_ == config_.kind && spacing_ == SigmaSpacing::kDefault; }

  void ResolveTraining() {
    const bool latent_diffusion = IsOneOf(kind_, {kHeun, kDpm2, kDpm2Ancestral, kDpmppSde, kLcm, kTcd});
    const bool consistency = IsOneOf(kind_, {kLcm, kTcd});
    settings_.num_train_timesteps = config_.num_train_timesteps;
    settings_.beta_start = config_.beta_start.value_or(latent_diffusion ? 0.00085 : 0.0001);
    settings_.beta_end = config_.beta_end.value_or(latent_diffusion ? 0.012 : 0.02);
    settings_.beta_schedule =
        config_.beta_schedule.value_or(consistency ? BetaSchedule::kScaledLinear : BetaSchedule::kLinear);
    settings_.trained_betas = config_.trained_betas;
    settings_.prediction_type = config_.prediction_type;
    if (!IsOneOf(kind_, {kPndm, kHeun, kLms, kDpm2, kDpm2Ancestral, kDpmppSde, kDeis})) {
      settings_.rescale_betas_zero_snr = config_.rescale_betas_zero_snr.value_or(false);
    }
    if (config_.prediction_type == PredictionType::kSample &&
        IsOneOf(kind_, {kPndm, kEulerAncestral, kDpm2, kDpm2Ancestral, kDpmppSde})) {
      Problem("prediction_type", "'sample' is not supported by " + std::string(Name(kind_)));
    }
  }

  void ResolveTimesteps() {
    const bool leading = IsOneOf(kind_, {kDdpm, kDdim, kPndm});
    settings_.timestep_spacing =
        config_.timestep_spacing.value_or(leading ? TimestepSpacing::kLeading : TimestepSpacing::kLinspace);
    settings_.steps_offset = config_.steps_offset.value_or(0);
    // The pipeline overwrites the offset of the scheduler that it is given, also a default one; a scheduler that is
    // made from that one's configuration inherits what the file said, but not defaults.
    if (config_.stable_diffusion_pipeline && (IsOwn() || config_.steps_offset)) settings_.steps_offset = 1;
  }

  void ResolveClean() {
    if (IsOneOf(kind_, {kDdpm, kDdim, kHeun, kLcm})) {
      settings_.clip_sample = config_.clip_sample.value_or(IsOneOf(kind_, {kDdpm, kDdim}));
      settings_.clip_sample_range = config_.clip_sample_range.value_or(1.0);
      if (config_.stable_diffusion_pipeline && (IsOwn() || config_.clip_sample)) settings_.clip_sample = false;
    }
    if (IsOneOf(kind_, {kDdpm, kDdim, kDpmpp2m, kDpmpp2mSde, kDpmpp3mSde, kUnipc, kDeis, kLcm})) {
      settings_.thresholding = config_.thresholding.value_or(false);
      settings_.dynamic_thresholding_ratio = config_.dynamic_thresholding_ratio.value_or(0.995);
      settings_.sample_max_value = config_.sample_max_value.value_or(1.0);
    }
  }

  // fixed_large_log is left out: step() of diffusers takes the square root of its negative logarithm, which is NaN.
  void ResolveVariance() {
    const std::string type = Choose("variance_type", config_.variance_type,
                                    {"fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range"});
    settings_.variance_type = type == "fixed_small_log" ? VarianceType::kFixedSmallLog
                              : type == "fixed_large"   ? VarianceType::kFixedLarge
                              : type == "learned"       ? VarianceType::kLearned
                              : type == "learned_range" ? VarianceType::kLearnedRange
                                                        : VarianceType::kFixedSmall;
  }

  void ResolveSigmas() {
    settings_.spacing = spacing_;
    if (spacing_ == SigmaSpacing::kDefault) {  // a request's choice replaces the file's
      if (config_.use_karras_sigmas) settings_.spacing = SigmaSpacing::kKarras;
      if (config_.use_exponential_sigmas) settings_.spacing = SigmaSpacing::kExponential;
      if (config_.use_beta_sigmas) settings_.spacing = SigmaSpacing::kBeta;
      if (config_.use_karras_sigmas + config_.use_exponential_sigmas + config_.use_beta_sigmas > 1) {
        Problem(config_.use_beta_sigmas ? "use_beta_sigmas" : "use_exponential_sigmas",
                "excludes the other sigma spacings");
      }
    }
    // Most classes have no such options, but their spacings take them from the file all the same.
    if (settings_.spacing != SigmaSpacing::kKarras || !IsOneOf(kind_, {kLms, kDpmppSde})) {
      settings_.sigma_min = config_.sigma_min;
      settings_.sigma_max = config_.sigma_max;
    }
    if (config_.sigma_min && config_.sigma_max && *config_.sigma_min > *config_.sigma_max) {
      Problem("sigma_min", "is above sigma_max");
    }
  }

  void ResolveFinalSigma() {
    settings_.final_sigma_zero =
        Choose("final_sigmas_type", config_.final_sigmas_type, {"zero", "sigma_min"}) == "zero";
  }

  void ResolveMultistep() {
    settings_.solver_order = config_.solver_order.value_or(2);
    if (settings_.solver_order < 1 || settings_.solver_order > 3) {
      Problem("solver_order", std::to_string(settings_.solver_order) + " is not supported (supported: 1, 2, 3)");
    }
    settings_.lower_order_final = config_.lower_order_final.value_or(true);
    if (config_.use_flow_sigmas) Problem("use_flow_sigmas", "true is not supported");
  }

  void ResolveDpmpp() {
    // A request for another of the class's samplers replaces the file's choice.
    if (kind_ == config_.kind) {
      // Files with the other one are of another kind of ours.
      Choose("algorithm_type", config_.algorithm_type, {"dpmsolver++", "sde-dpmsolver++"});
    }
    settings_.stochastic = kind_ != kDpmpp2m;
    if (kind_ == kDpmpp2mSde) settings_.solver_order = std::min(settings_.solver_order, 2);
    if (kind_ == kDpmpp3mSde) settings_.solver_order = 3;
    // As diffusers does: the solvers of other classes stand for midpoint.
    const std::string solver = Choose("solver_type", config_.solver_type, {"midpoint", "heun", "logrho", "bh1", "bh2"});
    settings_.solver_type = solver == "heun" ? SolverType::kHeun : SolverType::kMidpoint;
    settings_.euler_at_final = config_.euler_at_final.value_or(false);
    settings_.lambda_min_clipped = config_.lambda_min_clipped.value_or(settings_.lambda_min_clipped);
    if (config_.use_lu_lambdas && settings_.spacing != SigmaSpacing::kKarras) {
      Problem("use_lu_lambdas", "true is not supported");
    }
  }

  void ResolveUnipc() {
    settings_.predict_x0 = config_.predict_x0.value_or(true);
    // As diffusers does: the solvers of other classes stand for bh2.
    const std::string solver = Choose("solver_type", config_.solver_type, {"bh2", "bh1", "midpoint", "heun", "logrho"});
    settings_.unipc_type = solver == "bh1" ? UnipcType::kBh1 : UnipcType::kBh2;
    settings_.disable_corrector = config_.disable_corrector;
    if (settings_.final_sigma_zero) {
      const std::string end = " cannot end without noise (final_sigmas_type 'zero'): it divides by what is left";
      if (settings_.unipc_type == UnipcType::kBh1) Problem("solver_type", "'bh1'" + end);
      if (!settings_.predict_x0) Problem("predict_x0", "false" + end);
      if (!settings_.lower_order_final && settings_.solver_order > 1) Problem("lower_order_final", "false" + end);
    }
    if (config_.use_dynamic_shifting) Problem("use_dynamic_shifting", "true is not supported");
  }

  void ResolveDeis() {
    settings_.final_sigma_zero = false;
    if (kind_ == config_.kind) {
      Choose("algorithm_type", config_.algorithm_type, {"deis", "dpmsolver", "dpmsolver++"});
    }
    // As diffusers does: all stand for logrho.
    Choose("solver_type", config_.solver_type, {"logrho", "midpoint", "heun", "bh1", "bh2"});
  }

  void ResolveConsistency() {
    settings_.original_inference_steps = config_.original_inference_steps.value_or(50);
    settings_.timestep_scaling = config_.timestep_scaling.value_or(10.0);
    if (settings_.original_inference_steps > settings_.num_train_timesteps) {
      Problem("original_inference_steps", std::to_string(settings_.original_inference_steps) + " is above the " +
                                              std::to_string(settings_.num_train_timesteps) + " training timesteps");
    }
    const bool visits_last = settings_.num_train_timesteps % settings_.original_inference_steps == 0;
    if (settings_.rescale_betas_zero_snr && settings_.prediction_type == PredictionType::kEpsilon && visits_last) {
      Problem("rescale_betas_zero_snr", "true leaves no signal to take a predicted noise from (prediction_type)");
    }
  }

  const SamplerConfig& config_;
  const SamplerKind kind_;
  const SigmaSpacing spacing_;
  std::vector<FieldProblem>& problems_;
  SamplerSettings settings_;
};

}  // namespace

SamplerSettings ResolveSettings(const SamplerConfig& config, SamplerKind kind, SigmaSpacing spacing,
                                std::vector<FieldProblem>& problems) {
  return Resolver(config, kind, spacing, problems).Resolve();
}

}  // namespace latentd::model
