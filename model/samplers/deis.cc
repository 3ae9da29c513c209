#include "model/samplers/deis.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <string>

#include "model/errors.h"
#include "model/samplers/multistep_schedule.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

struct Node {
  float rho;
  float log;
};

// Antiderivatives, at `t`, of the polynomials in log(rho) that are one at `b` and zero at the others. In float32 and
// the reference's order, since much of them cancels.
float Integral(Node t, Node b, Node c) { return t.rho * (-c.log + t.log - 1.0F) / (b.log - c.log); }

float Integral(Node t, Node b, Node c, Node d) {
  const float numerator =
      t.rho * (c.log * (d.log - t.log + 1.0F) - d.log * t.log + d.log + t.log * t.log - 2.0F * t.log + 2.0F);
  return numerator / ((b.log - c.log) * (b.log - d.log));
}

}  // namespace

DeisSampler::DeisSampler(const SamplerSettings& settings, int steps)
    : MultistepSampler(settings, steps, MakeMultistepSchedule(settings, steps, {.repeat_last_level = true})) {
  for (int i = 0; i <= evaluations(); ++i) {
    rhos_.push_back(MixtureAt(i).noise / MixtureAt(i).signal);
    log_rhos_.push_back(NumpyLog(rhos_.back()));
  }
  for (int i = 0; i < evaluations(); ++i) {
    for (const float weight : WeightsOf(i, Order(i, i))) {
      if (std::isfinite(weight)) continue;
      throw ModelError("sampler", {"steps: " + std::to_string(steps) +
                                   " steps of deis visit a noise level twice, for which it has no solution"});
    }
  }
}

DeisSampler::Weights DeisSampler::WeightsOf(int evaluation, int order) const {
  const auto node = [&](int index) { return Node{rhos_.at(index), log_rhos_.at(index)}; };
  const Node t = node(evaluation + 1);
  const Node s0 = node(evaluation);
  if (order == 1) return {-MixtureAt(evaluation + 1).noise * (Exp(Length(evaluation)) - 1.0F), 0, 0};
  const Node s1 = node(evaluation - 1);
  if (order == 2) return {Integral(t, s0, s1) - Integral(s0, s0, s1), Integral(t, s1, s0) - Integral(s0, s1, s0), 0};
  const Node s2 = node(evaluation - 2);
  return {Integral(t, s0, s1, s2) - Integral(s0, s0, s1, s2), Integral(t, s1, s2, s0) - Integral(s0, s1, s2, s0),
          Integral(t, s2, s0, s1) - Integral(s0, s2, s0, s1)};
}

// history: the earlier predictions of the noise.
Advanced DeisSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& /*generator*/) const {
  const int i = state.evaluation;
  const Mixture source = MixtureAt(i);
  const Mixture target = MixtureAt(i + 1);
  const at::Tensor clean = BoundClean(settings(), PredictClean(settings().prediction_type, latent, prediction, source));
  const at::Tensor noise = (latent - source.signal * clean) / source.noise;

  std::vector<at::Tensor>& history = state.history;
  const int order = Order(i, static_cast<int>(history.size()));
  const Weights weights = WeightsOf(i, order);
  at::Tensor next;
  if (order == 1) {
    next = (target.signal / source.signal) * latent + weights[0] * noise;
  } else {
    next = latent / source.signal + weights[0] * noise + weights[1] * history.back();
    if (order == 3) next = next + weights[2] * history.at(0);
    next = target.signal * next;
  }
  Remember(history, noise);
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
