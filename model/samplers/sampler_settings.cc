#include "model/samplers/sampler_settings.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace latentd::model {
namespace {

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
    switch (kind_) {
      case SamplerKind::kDdpm:
        ResolveVariance();
        break;
      case SamplerKind::kDdim:
        settings_.set_alpha_to_one = config_.set_alpha_to_one.value_or(true);
        break;
      case SamplerKind::kPndm:
        settings_.set_alpha_to_one = config_.set_alpha_to_one.value_or(false);
        settings_.skip_prk_steps = config_.skip_prk_steps.value_or(false);
        break;
      case SamplerKind::kEuler:
        ResolveSigmas();
        ResolveFinalSigma();
        settings_.log_linear_interpolation =
            Choose("interpolation_type", config_.interpolation_type, {"linear", "log_linear"}) == "log_linear";
        settings_.continuous_timesteps =
            Choose("timestep_type", config_.timestep_type, {"discrete", "continuous"}) == "continuous" &&
            config_.prediction_type == PredictionType::kV;
        break;
      case SamplerKind::kEulerAncestral:
        break;
      case SamplerKind::kHeun:
        ResolveSigmas();
        break;
      case SamplerKind::kDpmpp2m:
        ResolveSigmas();
        ResolveFinalSigma();
        ResolveSolver();
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

  void ResolveTraining() {
    const bool heun = kind_ == SamplerKind::kHeun;
    settings_.num_train_timesteps = config_.num_train_timesteps;
    settings_.beta_start = config_.beta_start.value_or(heun ? 0.00085 : 0.0001);
    settings_.beta_end = config_.beta_end.value_or(heun ? 0.012 : 0.02);
    settings_.beta_schedule = config_.beta_schedule;
    settings_.trained_betas = config_.trained_betas;
    settings_.prediction_type = config_.prediction_type;
    if (!IsOneOf(kind_, {SamplerKind::kPndm, SamplerKind::kHeun})) {
      settings_.rescale_betas_zero_snr = config_.rescale_betas_zero_snr.value_or(false);
    }
    if (config_.prediction_type == PredictionType::kSample &&
        IsOneOf(kind_, {SamplerKind::kPndm, SamplerKind::kEulerAncestral})) {
      Problem("prediction_type", "'sample' is not supported by " + std::string(Name(kind_)));
    }
  }

  void ResolveTimesteps() {
    const bool leading = IsOneOf(kind_, {SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kPndm});
    settings_.timestep_spacing =
        config_.timestep_spacing.value_or(leading ? TimestepSpacing::kLeading : TimestepSpacing::kLinspace);
    settings_.steps_offset = config_.steps_offset.value_or(0);
    // The pipeline overwrites the offset of the scheduler that it is given, also a default one; a scheduler that is
    // made from that one's configuration inherits what the file said, but not defaults.
    if (config_.stable_diffusion_pipeline && (kind_ == config_.kind || config_.steps_offset)) {
      settings_.steps_offset = 1;
    }
  }

  void ResolveClean() {
    if (IsOneOf(kind_, {SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kHeun})) {
      settings_.clip_sample = config_.clip_sample.value_or(kind_ != SamplerKind::kHeun);
      settings_.clip_sample_range = config_.clip_sample_range.value_or(1.0);
      if (config_.stable_diffusion_pipeline && (kind_ == config_.kind || config_.clip_sample)) {
        settings_.clip_sample = false;
      }
    }
    if (IsOneOf(kind_, {SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kDpmpp2m})) {
      settings_.thresholding = config_.thresholding.value_or(false);
      settings_.dynamic_thresholding_ratio = config_.dynamic_thresholding_ratio.value_or(0.995);
      settings_.sample_max_value = config_.sample_max_value.value_or(1.0);
    }
  }

  // fixed_large_log is left out: step() of diffusers takes the square root of its negative logarithm, which is NaN.
  void ResolveVariance() {
    const std::string type =
        Choose("variance_type", config_.variance_type, {"fixed_small", "fixed_small_log", "fixed_large"});
    settings_.variance_type = type == "fixed_small_log" ? VarianceType::kFixedSmallLog
                              : type == "fixed_large"   ? VarianceType::kFixedLarge
                                                        : VarianceType::kFixedSmall;
  }

  void ResolveSigmas() {
    settings_.karras = spacing_ == SigmaSpacing::kKarras || config_.use_karras_sigmas;
    // heun and dpmpp_2m have no such options, but their Karras spacing takes them from the file all the same.
    settings_.sigma_min = config_.sigma_min;
    settings_.sigma_max = config_.sigma_max;
    if (settings_.sigma_min && settings_.sigma_max && *settings_.sigma_min > *settings_.sigma_max) {
      Problem("sigma_min", "is above sigma_max");
    }
    if (spacing_ == SigmaSpacing::kKarras) return;  // the request's choice replaces the file's
    if (config_.use_exponential_sigmas) Problem("use_exponential_sigmas", "true is not supported");
    if (config_.use_beta_sigmas) Problem("use_beta_sigmas", "true is not supported");
  }

  void ResolveFinalSigma() {
    settings_.final_sigma_zero =
        Choose("final_sigmas_type", config_.final_sigmas_type, {"zero", "sigma_min"}) == "zero";
  }

  void ResolveSolver() {
    Choose("algorithm_type", config_.algorithm_type, {"dpmsolver++"});
    // As diffusers does: the solvers of other classes stand for midpoint.
    const std::string solver = Choose("solver_type", config_.solver_type, {"midpoint", "heun", "logrho", "bh1", "bh2"});
    settings_.solver_type = solver == "heun" ? SolverType::kHeun : SolverType::kMidpoint;
    settings_.solver_order = config_.solver_order.value_or(2);
    if (settings_.solver_order < 1 || settings_.solver_order > 3) {
      Problem("solver_order", std::to_string(settings_.solver_order) + " is not supported (supported: 1, 2, 3)");
    }
    settings_.lower_order_final = config_.lower_order_final.value_or(true);
    settings_.euler_at_final = config_.euler_at_final.value_or(false);
    settings_.lambda_min_clipped = config_.lambda_min_clipped.value_or(settings_.lambda_min_clipped);
    // The fixed variances are ddpm's own and mean nothing here.
    if (config_.variance_type && config_.variance_type->starts_with("learned")) {
      Problem("variance_type", "'" + *config_.variance_type + "' is not supported by " + std::string(Name(kind_)));
    }
    if (config_.use_lu_lambdas && !settings_.karras) Problem("use_lu_lambdas", "true is not supported");
    if (config_.use_flow_sigmas) Problem("use_flow_sigmas", "true is not supported");
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
