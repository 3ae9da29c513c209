#include "tests/model/samplers/golden_cases.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tanh.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace latentd::model {
namespace {

// Only what our own file needs: the reader of the program has its own tests.
Goldens Read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  uint64_t header_size = 0;
  if (bytes.size() < sizeof(header_size)) throw std::runtime_error("cannot read " + path);
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  const size_t data = sizeof(header_size) + header_size;
  const nlohmann::json header = nlohmann::json::parse(bytes.substr(sizeof(header_size), header_size));

  Goldens goldens;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      goldens.cases = nlohmann::json::parse(entry.at("cases").get<std::string>());
      goldens.known_fields = nlohmann::json::parse(entry.at("known_fields").get<std::string>());
      continue;
    }
    at::Tensor tensor = at::empty(entry.at("shape").get<std::vector<int64_t>>(), at::kFloat);
    std::memcpy(tensor.mutable_data_ptr<float>(), bytes.data() + data + entry.at("data_offsets").at(0).get<size_t>(),
                tensor.nbytes());
    goldens.tensors.emplace(name, tensor);
  }
  return goldens;
}

// Files may hold null.
std::string VarianceOf(const nlohmann::json& entry) {
  const auto& config = entry.at("config");
  const auto type = config.find("variance_type");
  return type != config.end() && type->is_string() ? type->get<std::string>() : "";
}

}  // namespace

const Goldens& LoadGoldens() {
  static const Goldens kGoldens = Read(LATENTD_SOURCE_DIR "/tests/golden/samplers/runs.safetensors");
  return kGoldens;
}

std::shared_ptr<const Sampler> GoldenCase::Make() const {
  SamplerConfig parsed = SamplerConfig::FromJson(name, config);
  parsed.stable_diffusion_pipeline = stable_diffusion_pipeline;
  return MakeSampler(parsed, options);
}

std::vector<GoldenCase> GoldenCases() {
  std::vector<GoldenCase> cases;
  for (const nlohmann::json& entry : LoadGoldens().cases) {
    cases.push_back({.name = entry.at("name"),
                     .options = {.kind = ParseSamplerKind(entry.at("sampler").get<std::string>()).value(),
                                 .sigmas = ParseSigmaSpacing(entry.value("sigmas", "default")).value(),
                                 .steps = entry.at("steps"),
                                 .eta = entry.value("eta", 0.0)},
                     .config = entry.at("config"),
                     .stable_diffusion_pipeline = entry.value("stable_diffusion_pipeline", false),
                     .shape = entry.at("shape"),
                     .seed = entry.at("seed"),
                     .skipped = entry.value("skipped", 0),
                     .learned_variance = VarianceOf(entry).starts_with("learned"),
                     .is_error = entry.contains("error"),
                     .mid = entry.value("mid", 0),
                     .init_noise_sigma = entry.value("init_noise_sigma", 0.0)});
  }
  return cases;
}

at::Tensor DummyNetwork(const at::Tensor& latent, double timestep) {
  const at::Tensor pattern = at::linspace(-1, 1, latent.numel(), at::kFloat).reshape(latent.sizes());
  return 0.6 * at::tanh(0.8 * latent + 0.3 * pattern) + 0.2 * at::sin(3.0 * pattern + 0.01 * timestep);
}

at::Tensor WithVariance(const at::Tensor& prediction) { return at::cat({prediction, prediction.square()}); }

TestRow::TestRow(const Sampler& sampler, const std::vector<int64_t>& shape, uint64_t seed, int skipped)
    : generator(at::make_generator<at::CPUGeneratorImpl>(seed)) {
  noise = DrawNoise(shape, generator, at::kCPU);
  clean = at::sin(at::arange(noise.numel(), at::kFloat)).reshape(shape);
  if (skipped > 0) {
    state = sampler.StartAt(skipped);
    latent = sampler.AddNoise(clean, noise, state.evaluation);
  } else {
    latent = noise * sampler.init_noise_sigma();
  }
}

Advanced TestRow::Step(const Sampler& sampler, bool learned_variance) {
  at::Tensor prediction = DummyNetwork(sampler.ScaleModelInput(state, latent), sampler.Timestep(state));
  if (learned_variance) prediction = WithVariance(prediction);
  Advanced advanced = sampler.Advance(state, latent, prediction, generator);
  latent = advanced.latent;
  return advanced;
}

}  // namespace latentd::model
