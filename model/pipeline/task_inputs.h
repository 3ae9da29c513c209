#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "model/samplers/sampler.h"

namespace latentd::model {

// What a job is given beside its words. Undefined: not given.
struct TaskInputs {
  at::Tensor picture;    // uint8 [H, W, 3] on the CPU, of the size of the job's pictures: what it starts from
  at::Tensor latent{};   // float32 [C, h, w] on the CPU, instead of a picture: as the U-Net has it
  at::Tensor mask;       // uint8 [H, W] on the CPU: 255 where the picture is redrawn, 0 where it is kept
  at::Tensor low_res{};  // uint8 [h, w, 3] on the CPU, of the size of their latents: what is enlarged
  // Of the job's image prompts, in order: uint8 [S, S, 3] each on the CPU, S being its adapter's picture_size.
  std::vector<at::Tensor> prompt_pictures{};
  int64_t noise_level = 0;  // the training timestep of low_res's noise, for models that take one
  // The share of the steps that is carried out, 0 to 1: how much of the picture is redone. Without a picture it is 1.
  double strength = 1;
  // Shares of the denoising (StepsOf): where a picture that was left unfinished is taken up, without new noise; and
  // where to stop.
  std::optional<double> denoising_start{};
  double denoising_end = 1;
  // uint8 [H, W, 3] on the CPU, of the size of the job's pictures: one for each ControlNet of its rows, in their order.
  std::vector<at::Tensor> controls{};

  // That a row begins with.
  bool HasPicture() const { return picture.defined() || latent.defined() || low_res.defined(); }
};

// How many of `steps` a row leaves out at the beginning, as diffusers' get_timesteps counts them.
inline int SkippedSteps(int steps, double strength) {
  return steps - std::min(static_cast<int>(steps * strength), steps);
}

// A row's state after the first `skipped` steps, all of them at most.
inline SamplerState StateAt(const Sampler& sampler, int skipped) {
  if (skipped < sampler.steps()) return sampler.StartAt(skipped);
  return {.evaluation = sampler.evaluations(), .begin = sampler.evaluations()};
}

// A row's state where `strength` lets it begin: after the steps that it leaves out, or at the first of a plan that was
// shortened instead.
inline SamplerState StateFor(const Sampler& sampler, double strength) {
  return sampler.shortened() ? SamplerState{} : StateAt(sampler, SkippedSteps(sampler.steps(), strength));
}

}  // namespace latentd::model
