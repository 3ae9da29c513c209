#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "model/samplers/sampler_config.h"

namespace latentd::model {

// What a sampler remembers of one row between two evaluations. Plain data: it can be copied, saved and restored at any
// evaluation, also inside a step (Heun's second half, PNDM's warm-up).
struct SamplerState {
  // The next evaluation, in [0, Sampler::evaluations()].
  int evaluation = 0;
  // The row's first evaluation: 0, or later when it starts from a picture (Sampler::StartAt).
  int begin = 0;
  // Earlier predictions and latents, float32 on the row's device, in an order private to the sampler.
  std::vector<at::Tensor> history = {};
};

// What one evaluation gave.
struct Advanced {
  at::Tensor latent;           // the next latent, float32, the shape of the old one
  at::Tensor predicted_clean;  // x0 as predicted by this evaluation, float32: previews are made of it
};

// A sampler is the maths that turns noise predictions into the next latent (diffusers says "scheduler"). An object is
// the immutable plan for (configuration, steps, sigma spacing): timesteps and coefficients, computed once. Everything
// that changes is in the row's SamplerState, so rows share plans freely, and any thread may use a plan.
//
//   auto sampler = MakeSampler(config, {.kind = SamplerKind::kDdim, .steps = 25});
//   SamplerState state;
//   at::Tensor latent = DrawNoise({4, 64, 64}, generator, device) * sampler->init_noise_sigma();
//   while (state.evaluation < sampler->evaluations()) {
//     at::Tensor prediction = unet(sampler->ScaleModelInput(state, latent), sampler->Timestep(state));
//     latent = sampler->Advance(state, latent, prediction, generator).latent;
//   }
//
// Reference: the scheduler classes of diffusers 0.42.1, whose results in float32 are reproduced to rounding.
class Sampler {
 public:
  virtual ~Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Steps as the user counts them.
  int steps() const { return steps_; }

  // U-Net predictions that a row needs from start to end. Not always a multiple of steps(): PNDM warms up, the last
  // step of samplers with two evaluations a step takes one, and diffusers' rounding adds a timestep here and there.
  int evaluations() const { return static_cast<int>(timesteps_.size()); }

  // How many evaluations lie in the share `share` of the denoising, 0 to 1, that comes first: a share of the training's
  // timesteps, not of the steps (diffusers' `denoising_start` and `denoising_end`, which hand a row from one model to
  // another). It may end inside a step.
  int EvaluationsIn(double share) const;

  // How many of the user's steps are complete once `evaluation` evaluations are: 0 at 0, steps() at evaluations().
  virtual int StepsDone(int evaluation) const;

  // The factor of the unit normal noise that a row starts with.
  virtual double init_noise_sigma() const { return 1.0; }

  // The state of a row whose first `skipped` steps are left out (image-to-image); its latent is AddNoise() at
  // state.evaluation. Counts as diffusers' pipelines do: entries of `timesteps`, for samplers of two evaluations a step
  // pairs of them.
  // REQUIRES: skipped < steps().
  virtual SamplerState StartAt(int skipped) const { return {.evaluation = skipped, .begin = skipped}; }

  // Whether the plan is already shortened to SamplerOptions::strength: a row that starts from a picture begins with its
  // first evaluation then, and leaves out nothing.
  virtual bool shortened() const { return false; }

  // The timestep that the U-Net gets for the row's next evaluation (fractional for some sigma samplers).
  // REQUIRES: state.evaluation < evaluations().
  double Timestep(const SamplerState& state) const { return timesteps_.at(state.evaluation); }

  // What the U-Net sees of `latent` at the next evaluation. REQUIRES: state.evaluation < evaluations().
  virtual at::Tensor ScaleModelInput(const SamplerState& state, const at::Tensor& latent) const;

  // `clean` with the noise that a row has just before its evaluation number `evaluation` (image-to-image, inpainting).
  // REQUIRES: evaluation < evaluations().
  virtual at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const = 0;

  // Consumes one evaluation and moves `state` on by one. `latent` and `prediction` are float32 of one row, [C, h, w]; a
  // prediction of [2C, h, w] holds the variance in its second half, which all but ddpm leave out. Noise, where the
  // sampler needs any, is drawn from `generator` by DrawNoise.
  // REQUIRES: state.evaluation < evaluations(). Neither tensor is changed; the state may keep both, so nobody else may
  // change them afterwards either.
  Advanced Advance(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                   at::Generator& generator) const;

 protected:
  // Throws ModelError when a timestep is not a number.
  Sampler(int steps, std::vector<double> timesteps, int num_train_timesteps);

  const std::vector<double>& timesteps() const { return timesteps_; }

 private:
  // Whether Evaluate() wants the predicted variance, too.
  virtual bool TakesVariance() const { return false; }

  // Advance() for evaluation state.evaluation, without moving it on; `state.history` is the sampler's own to change.
  virtual Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                            at::Generator& generator) const = 0;

  const int steps_;
  const std::vector<double> timesteps_;
  const int num_train_timesteps_;
};

// Unit normal noise of one row's shape, drawn in float32 from a CPU generator as diffusers' randn_tensor does for a
// batch of one, and then moved to `device`.
at::Tensor DrawNoise(at::IntArrayRef shape, at::Generator& generator, at::Device device);

// The choice that a request makes.
struct SamplerOptions {
  SamplerKind kind = SamplerKind::kDdim;
  SigmaSpacing sigmas = SigmaSpacing::kDefault;
  int steps = 25;
  // How much of the noise is new in each step. ddim: 0 is deterministic, 1 is like ddpm. tcd: gamma of its paper, 0 is
  // deterministic, 1 predicts the clean latent and noises it again. Others take 0 only.
  double eta = 0.0;
  // Of a row that starts from a picture, 0 to 1. Only lcm and tcd look at it, in models whose pipeline has them
  // spread their steps over this share of the distillation's schedule (SamplerConfig::latent_consistency_pipeline);
  // elsewhere such a row leaves out steps (Sampler::StartAt).
  double strength = 1.0;
};

// Throws ModelError when `options` does not fit `config` (Karras sigmas for DDIM, more steps than training timesteps
// …), naming the option or the file's field.
std::shared_ptr<const Sampler> MakeSampler(const SamplerConfig& config, const SamplerOptions& options);

// A sampler and its sigma spacings that work with a model.
struct SamplerChoice {
  SamplerKind kind;
  std::vector<SigmaSpacing> sigmas;  // not empty
};

// What a model can be sampled with, in the order of AllSamplerKinds().
std::vector<SamplerChoice> SamplersFor(const SamplerConfig& config);

}  // namespace latentd::model
