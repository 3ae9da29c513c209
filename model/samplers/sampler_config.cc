#include "model/samplers/sampler_config.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "model/config/config_reader.h"
#include "model/samplers/sampler_settings.h"

namespace latentd::model {
namespace {

// No schedule in use comes near; it bounds what a hostile file can make us allocate.
constexpr int kMaxTrainTimesteps = 100'000;

// One class of diffusers is several of our samplers: the others are told apart by ResolveKind.
void ReadClass(ConfigReader& reader, SamplerConfig& config) {
  const std::string name = reader.Get<std::string>("_class_name", "");
  std::string known;
  for (const SamplerKind kind : AllSamplerKinds()) {
    const std::string_view entry = DiffusersClass(kind);
    if (entry == name) {
      config.kind = kind;
      return;
    }
    if (known.find(entry) == std::string::npos) known.append(known.empty() ? "" : ", ").append(entry);
  }
  reader.AddProblem("_class_name", "'" + name + "' is not supported (supported: " + known + ")");
}

void ResolveKind(SamplerConfig& config) {
  if (config.kind != SamplerKind::kDpmpp2m || config.algorithm_type != "sde-dpmsolver++") return;
  config.kind = config.solver_order == 3 ? SamplerKind::kDpmpp3mSde : SamplerKind::kDpmpp2mSde;
}

// Where null is an ordinary value of diffusers it counts as absent; elsewhere it would mean something else than absent.
void RefuseNulls(ConfigReader& reader) {
  for (const char* key : {"num_train_timesteps", "beta_start",        "beta_end",
                          "beta_schedule",       "prediction_type",   "rescale_betas_zero_snr",
                          "timestep_spacing",    "steps_offset",      "clip_sample",
                          "clip_sample_range",   "thresholding",      "dynamic_thresholding_ratio",
                          "sample_max_value",    "set_alpha_to_one",  "skip_prk_steps",
                          "interpolation_type",  "timestep_type",     "final_sigmas_type",
                          "algorithm_type",      "solver_type",       "solver_order",
                          "lower_order_final",   "euler_at_final",    "lambda_min_clipped",
                          "predict_x0",          "disable_corrector", "original_inference_steps",
                          "timestep_scaling"}) {
    if (reader.IsNull(key)) reader.AddProblem(key, "null is not supported");
  }
}

std::optional<double> ReadNumber(ConfigReader& reader, const std::string& key, double low, double high) {
  const std::optional<double> value = reader.GetOptional<double>(key);
  if (value && !(*value >= low && *value <= high)) {
    reader.AddProblem(key, nlohmann::json(*value).dump() + " is out of range");
    return std::nullopt;
  }
  return value;
}

std::optional<int> ReadInt(ConfigReader& reader, const std::string& key, int low, int high) {
  // Wide first: a number that int cannot hold must be out of range, not wrapped round.
  const std::optional<double> value = ReadNumber(reader, key, low, high);
  if (!value) return std::nullopt;
  if (*value != std::floor(*value)) {
    reader.AddProblem(key, "has the wrong type: " + nlohmann::json(*value).dump());
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

void ReadTraining(ConfigReader& reader, SamplerConfig& config) {
  config.num_train_timesteps = ReadInt(reader, "num_train_timesteps", 1, kMaxTrainTimesteps).value_or(1000);
  config.beta_start = ReadNumber(reader, "beta_start", 0, 1);
  config.beta_end = ReadNumber(reader, "beta_end", 0, 1);
  if (reader.Has("beta_schedule")) {
    const std::string schedule =
        reader.GetChoice("beta_schedule", "linear", {"linear", "scaled_linear", "squaredcos_cap_v2"});
    config.beta_schedule = schedule == "scaled_linear"       ? BetaSchedule::kScaledLinear
                           : schedule == "squaredcos_cap_v2" ? BetaSchedule::kSquaredCosine
                                                             : BetaSchedule::kLinear;
  } else {
    reader.Ignore({"beta_schedule"});
  }
  if (reader.Has("trained_betas")) {
    config.trained_betas = reader.Get<std::vector<double>>("trained_betas", {});
    for (const double beta : config.trained_betas) {
      if (!(beta >= 0 && beta <= 1)) {
        reader.AddProblem("trained_betas", nlohmann::json(beta).dump() + " is out of range");
        break;
      }
    }
    if (config.trained_betas.size() != static_cast<size_t>(config.num_train_timesteps)) {
      reader.AddProblem("trained_betas", "has " + std::to_string(config.trained_betas.size()) + " entries instead of " +
                                             std::to_string(config.num_train_timesteps));
    }
  } else {
    reader.Ignore({"trained_betas"});
  }
  const std::string prediction = reader.GetChoice("prediction_type", "epsilon", {"epsilon", "sample", "v_prediction"});
  config.prediction_type = prediction == "sample"         ? PredictionType::kSample
                           : prediction == "v_prediction" ? PredictionType::kV
                                                          : PredictionType::kEpsilon;
  config.rescale_betas_zero_snr = reader.GetOptional<bool>("rescale_betas_zero_snr");
}

void ReadSampling(ConfigReader& reader, SamplerConfig& config) {
  constexpr double kMax = std::numeric_limits<float>::max();
  constexpr double kTiny = 1e-12;
  if (reader.Has("timestep_spacing")) {
    const std::string spacing = reader.GetChoice("timestep_spacing", "leading", {"leading", "linspace", "trailing"});
    config.timestep_spacing = spacing == "linspace"   ? TimestepSpacing::kLinspace
                              : spacing == "trailing" ? TimestepSpacing::kTrailing
                                                      : TimestepSpacing::kLeading;
  } else {
    reader.Ignore({"timestep_spacing"});
  }
  config.steps_offset = ReadInt(reader, "steps_offset", 0, kMaxTrainTimesteps);
  config.clip_sample = reader.GetOptional<bool>("clip_sample");
  config.clip_sample_range = ReadNumber(reader, "clip_sample_range", kTiny, kMax);
  config.thresholding = reader.GetOptional<bool>("thresholding");
  config.dynamic_thresholding_ratio = ReadNumber(reader, "dynamic_thresholding_ratio", 0, 1);
  config.sample_max_value = ReadNumber(reader, "sample_max_value", kTiny, kMax);
  config.set_alpha_to_one = reader.GetOptional<bool>("set_alpha_to_one");
  config.skip_prk_steps = reader.GetOptional<bool>("skip_prk_steps");
  config.variance_type = reader.GetOptional<std::string>("variance_type");
  config.sigma_min = ReadNumber(reader, "sigma_min", kTiny, kMax);
  config.sigma_max = ReadNumber(reader, "sigma_max", kTiny, kMax);
  config.interpolation_type = reader.GetOptional<std::string>("interpolation_type");
  config.timestep_type = reader.GetOptional<std::string>("timestep_type");
  config.final_sigmas_type = reader.GetOptional<std::string>("final_sigmas_type");
  config.algorithm_type = reader.GetOptional<std::string>("algorithm_type");
  config.solver_type = reader.GetOptional<std::string>("solver_type");
  config.solver_order = ReadInt(reader, "solver_order", 0, 100);
  config.lower_order_final = reader.GetOptional<bool>("lower_order_final");
  config.euler_at_final = reader.GetOptional<bool>("euler_at_final");
  // diffusers writes this field's default as -Infinity.
  if (reader.Raw("lambda_min_clipped") != "-Infinity") {
    config.lambda_min_clipped = ReadNumber(reader, "lambda_min_clipped", -kMax, kMax);
  }
  config.predict_x0 = reader.GetOptional<bool>("predict_x0");
  config.disable_corrector = reader.Get<std::vector<int>>("disable_corrector", {});
  config.noise_sampler_seed = reader.GetOptional<double>("noise_sampler_seed");
  config.original_inference_steps = ReadInt(reader, "original_inference_steps", 1, kMaxTrainTimesteps);
  config.timestep_scaling = ReadNumber(reader, "timestep_scaling", -kMax, kMax);
  config.use_karras_sigmas = reader.Get("use_karras_sigmas", false);
  config.use_exponential_sigmas = reader.Get("use_exponential_sigmas", false);
  config.use_beta_sigmas = reader.Get("use_beta_sigmas", false);
  config.use_lu_lambdas = reader.Get("use_lu_lambdas", false);
  config.use_flow_sigmas = reader.Get("use_flow_sigmas", false);
  config.use_dynamic_shifting = reader.Get("use_dynamic_shifting", false);
}

// Fields that none of our classes reads, but that files carry: from_config keeps the options of every compatible class.
void IgnoreForeignFields(ConfigReader& reader) {
  reader.Ignore({"flow_shift", "rho", "sigma_data", "sigma_schedule", "time_shift_type"});
  reader.Only("shift_terminal", nullptr);
  reader.Only("solver_p", nullptr);
  // Files of diffusers before 0.8.
  reader.Ignore({"tensor_format"});
  reader.Only("timestep_values", nullptr);
  reader.Only("predict_epsilon", true);
}

SamplerConfig Read(ConfigReader reader) {
  SamplerConfig config;
  ReadClass(reader, config);
  RefuseNulls(reader);
  ReadTraining(reader, config);
  ReadSampling(reader, config);
  ResolveKind(config);
  IgnoreForeignFields(reader);
  std::vector<FieldProblem> problems;
  ResolveSettings(config, config.kind, SigmaSpacing::kDefault, problems);
  for (const FieldProblem& problem : problems) reader.AddProblem(problem.field, problem.what);
  reader.Finish();
  return config;
}

}  // namespace

SamplerConfig SamplerConfig::FromFile(const std::filesystem::path& file) { return Read(ConfigReader::FromFile(file)); }

SamplerConfig SamplerConfig::FromJson(const std::string& where, const nlohmann::json& object) {
  return Read(ConfigReader(where, object));
}

}  // namespace latentd::model
