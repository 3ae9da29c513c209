#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/samplers/sampler.h"

namespace latentd::model {

// tests/golden/samplers/runs.safetensors, made by tests/parity/samplers/make_goldens.py.
struct Goldens {
  nlohmann::json cases;
  std::vector<std::string> known_fields;  // of every compatible class of diffusers
  std::map<std::string, at::Tensor> tensors;
};

// Read once, then shared.
const Goldens& LoadGoldens();

// One run of the reference; `tensors` are <name>.timesteps and <name>.latents: the latent after evaluation `mid`, the
// clean latent predicted there, AddNoise() before it, and the final latent.
struct GoldenCase {
  std::string name;
  SamplerOptions options;
  nlohmann::json config;
  bool stable_diffusion_pipeline;
  std::vector<int64_t> shape;
  uint64_t seed;
  int skipped;
  bool learned_variance;  // the network predicts it, too
  bool is_error;
  int mid;
  double init_noise_sigma;

  // Throws ModelError for what we do not support.
  std::shared_ptr<const Sampler> Make() const;
};

std::vector<GoldenCase> GoldenCases();

// Smooth functions, the same as in make_goldens.py: [C, h, w], and [2C, h, w] as of networks that predict the variance.
at::Tensor DummyNetwork(const at::Tensor& latent, double timestep);
at::Tensor WithVariance(const at::Tensor& prediction);

// A row with the noise and the picture that make_goldens.py gives it.
struct TestRow {
  at::Generator generator;
  at::Tensor noise;
  at::Tensor clean;
  at::Tensor latent;
  SamplerState state;

  TestRow(const Sampler& sampler, const std::vector<int64_t>& shape, uint64_t seed, int skipped = 0);

  // One evaluation.
  Advanced Step(const Sampler& sampler, bool learned_variance = false);
  bool IsDone(const Sampler& sampler) const { return state.evaluation == sampler.evaluations(); }
};

}  // namespace latentd::model
