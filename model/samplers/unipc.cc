#include "model/samplers/unipc.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_solve_ex.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>

#include "model/errors.h"
#include "model/samplers/multistep_schedule.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

// The solution of the first `size` equations sum_k nodes[k]^(n-1) rho_k = right[n] in as many unknowns: by LibTorch,
// whose rounding is the reference's. Not finite where there is none.
std::vector<float> SolveVandermonde(const std::vector<float>& nodes, const std::vector<float>& right, int size) {
  if (!AllFinite(nodes) || !AllFinite(right)) return std::vector<float>(size, INFINITY);
  const at::Tensor table = TableTensor(nodes);
  std::vector<at::Tensor> rows;
  for (int power = 0; power < size; ++power) rows.push_back(at::pow(table, power).slice(0, 0, size));
  return TableValues(std::get<0>(at::linalg_solve_ex(at::stack(rows), TableTensor(right).slice(0, 0, size))));
}

}  // namespace

UnipcSampler::UnipcSampler(const SamplerSettings& settings, int steps)
    : MultistepSampler(settings, steps, MakeMultistepSchedule(settings, steps, {.repeat_last_level = true})) {
  for (int i = 0; i < evaluations(); ++i) {
    std::vector<Step>& orders = steps_taken_.emplace_back();
    for (int order = 1; order <= OrderWith(i, i + 1); ++order) orders.push_back(MakeStep(i, order));
  }
  CheckSolvable();
}

UnipcSampler::Step UnipcSampler::MakeStep(int evaluation, int order) const {
  const float h = Length(evaluation);
  const float hh = settings().predict_x0 ? -h : h;
  Step step;
  step.phi = Expm1(hh);
  step.b = settings().unipc_type == UnipcType::kBh1 ? hh : step.phi;
  for (int age = 1; age < order; ++age) {
    step.distances.push_back((LambdaAt(evaluation - age) - LambdaAt(evaluation)) / h);
  }
  std::vector<float> nodes = step.distances;
  nodes.push_back(1);
  std::vector<float> right;
  float phi = step.phi / hh - 1.0F;
  float factorial = 1;
  for (int n = 1; n <= order; ++n) {
    right.push_back(phi * factorial / step.b);
    factorial *= static_cast<float>(n + 1);
    phi = phi / hh - 1.0F / factorial;
  }
  // The reference's shortcuts for the lowest orders.
  if (order == 2) step.predictor = {0.5F};
  if (order > 2) step.predictor = SolveVandermonde(nodes, right, order - 1);
  step.corrector = order == 1 ? std::vector<float>{0.5F} : SolveVandermonde(nodes, right, order);
  return step;
}

int UnipcSampler::OrderWith(int evaluation, int outputs) const {
  const int order = std::min(settings().solver_order, outputs);
  return settings().lower_order_final ? std::min(order, evaluations() - evaluation) : order;
}

bool UnipcSampler::IsCorrected(int evaluation) const {
  const std::vector<int>& disabled = settings().disable_corrector;
  return evaluation + 1 < evaluations() && std::find(disabled.begin(), disabled.end(), evaluation) == disabled.end();
}

float UnipcSampler::StartWeight(int evaluation) const {
  const Mixture start = MixtureAt(evaluation);
  const Mixture end = MixtureAt(evaluation + 1);
  return settings().predict_x0 ? end.noise / start.noise : end.signal / start.signal;
}

float UnipcSampler::OutputScale(int evaluation) const {
  const Mixture end = MixtureAt(evaluation + 1);
  return settings().predict_x0 ? end.signal : end.noise;
}

void UnipcSampler::CheckSolvable() const {
  for (int i = 0; i < evaluations(); ++i) {
    const Step& step = steps_taken_[i].back();
    bool solvable = AllFinite(step.predictor) && (!IsCorrected(i) || AllFinite(step.corrector));
    for (const float distance : step.distances) solvable = solvable && std::isfinite(1.0F / distance);
    if (solvable) continue;
    if (i + 1 == evaluations()) {
      throw ModelError("sampler", {"lower_order_final: without it unipc has no solution for its last step"});
    }
    throw ModelError("sampler", {"steps: " + std::to_string(steps()) +
                                 " steps of unipc visit a noise level twice, for which it has no solution"});
  }
}

at::Tensor UnipcSampler::Update(int evaluation, const at::Tensor& start, const std::vector<at::Tensor>& outputs,
                                const at::Tensor& output_at_end) const {
  const int order = OrderWith(evaluation, static_cast<int>(outputs.size()));
  const Step& step = steps_taken_.at(evaluation).at(order - 1);
  const bool correct = output_at_end.defined();
  const std::vector<float>& weights = correct ? step.corrector : step.predictor;
  const float scale = OutputScale(evaluation);
  const at::Tensor& newest = outputs.back();

  at::Tensor sum;
  for (int age = 1; age < order; ++age) {
    const at::Tensor difference = (outputs.at(outputs.size() - 1 - age) - newest) / step.distances[age - 1];
    const at::Tensor term = weights[age - 1] * difference;
    sum = sum.defined() ? sum + term : term;
  }
  if (correct) {
    const at::Tensor term = weights.back() * (output_at_end - newest);
    sum = sum.defined() ? sum + term : term;
  }
  const at::Tensor end = StartWeight(evaluation) * start - (scale * step.phi) * newest;
  return sum.defined() ? end - (scale * step.b) * sum : end;
}

// history: the (corrected) latent at the start of the step that led here, then the outputs so far, oldest first.
Advanced UnipcSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                at::Generator& /*generator*/) const {
  const int i = state.evaluation;
  const Mixture mixture = MixtureAt(i);
  const at::Tensor unbound = PredictClean(settings().prediction_type, latent, prediction, mixture);
  const at::Tensor clean = settings().predict_x0 ? BoundClean(settings(), unbound) : unbound;
  const at::Tensor output =
      settings().predict_x0 ? clean : PredictNoise(settings().prediction_type, latent, prediction, mixture);

  at::Tensor corrected = latent;
  std::vector<at::Tensor> outputs;
  if (!state.history.empty()) {
    outputs.assign(state.history.begin() + 1, state.history.end());
    if (IsCorrected(i - 1)) corrected = Update(i - 1, state.history.front(), outputs, output);
  }
  outputs.push_back(output);
  if (std::ssize(outputs) > settings().solver_order) outputs.erase(outputs.begin());
  const at::Tensor next = Update(i, corrected, outputs, /*output_at_end=*/{});

  outputs.insert(outputs.begin(), corrected);
  state.history = std::move(outputs);
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
