#pragma once

#include <optional>

#include "model/samplers/sampler.h"

namespace latentd::model {

// Which of a sampler's evaluations a row carries out.
struct StepRange {
  SamplerState begin;  // before the first; at the sampler's end when no step is left
  int end = 0;         // behind the last; not before begin.evaluation

  int evaluations() const { return end - begin.evaluation; }
};

// `strength`: the share of the steps, from their end, that is carried out. `denoising_start` takes its place where it
// is given: so much of the denoising, in shares of the training's timesteps, is done already. `denoising_end`: where to
// stop, likewise; 1 is the end. All as diffusers' Stable Diffusion XL pipelines count them.
StepRange StepsOf(const Sampler& sampler, double strength, std::optional<double> denoising_start, double denoising_end);

}  // namespace latentd::model
