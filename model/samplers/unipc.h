#pragma once

#include <vector>

#include "model/samplers/multistep_sampler.h"

namespace latentd::model {

// Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models", the multistep
// methods of order one to three; reference: UniPCMultistepScheduler of diffusers 0.42.1. Each evaluation first corrects
// the step that led to it, with the prediction made there, and then predicts the next.
class UnipcSampler final : public MultistepSampler {
 public:
  // Throws ModelError when the method has no solution: levels that coincide, or an end at no noise that it cannot
  // reach.
  UnipcSampler(const SamplerSettings& settings, int steps);

 private:
  // One step at one order; of the earlier predictions the newest comes first.
  struct Step {
    float phi = 0;                 // h phi_1(h) of the paper: the weight of the prediction at the step's start
    float b = 0;                   // B(h): the scale of what follows
    std::vector<float> distances;  // r_k: the earlier predictions' distances in lambda
    std::vector<float> predictor;  // rho: the weights of their differences, relative to the distance
    std::vector<float> corrector;  // the same; the last is the weight of the prediction at the step's end
  };

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  // The latent at the end of `evaluation`'s step from `start`, by `outputs` (oldest first, the last made at the step's
  // start), corrected by `output_at_end` unless that is undefined.
  at::Tensor Update(int evaluation, const at::Tensor& start, const std::vector<at::Tensor>& outputs,
                    const at::Tensor& output_at_end) const;

  // The order of the step of an evaluation when so many outputs are at hand, its own among them.
  int OrderWith(int evaluation, int outputs) const;

  bool IsCorrected(int evaluation) const;

  // What the methods solve for: the clean latent or the noise.
  float StartWeight(int evaluation) const;
  float OutputScale(int evaluation) const;

  Step MakeStep(int evaluation, int order) const;
  void CheckSolvable() const;

  std::vector<std::vector<Step>> steps_taken_;  // by evaluation and order - 1
};

}  // namespace latentd::model
