#include "model/pipeline/control_residuals.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <map>

namespace latentd::model {
namespace {

// The lanes that go through one ControlNet. One with two pictures for the same net is there twice.
struct Group {
  const ControlNet* net;
  std::vector<int64_t> lanes;
  std::vector<at::Tensor> hints;
  ControlNetModelImpl::Residuals residuals = {};
};

// Where a lane's ControlNet is among the groups.
struct Place {
  size_t group;
  int64_t entry;
  double scale;
};

// Of some lanes. `values`: [L, ...], or undefined
at::Tensor Select(const at::Tensor& values, const std::vector<int64_t>& lanes) {
  if (!values.defined()) return values;
  return at::index_select(values, 0, at::tensor(lanes, at::kLong).to(values.device()));
}

Context Select(const Context& context, const std::vector<int64_t>& lanes) {
  std::vector<at::Tensor> all;  // [T, D] of each lane
  for (const ContextGroup& group : context) {
    for (const at::Tensor& states : group.states.unbind()) {
      all.insert(all.end(), static_cast<size_t>(group.lanes_each), states);
    }
  }
  std::vector<std::vector<at::Tensor>> runs;  // of equal length
  for (const int64_t lane : lanes) {
    const at::Tensor& states = all[static_cast<size_t>(lane)];
    if (runs.empty() || runs.back().front().size(0) != states.size(0)) runs.emplace_back();
    runs.back().push_back(states);
  }
  Context selected;
  for (const std::vector<at::Tensor>& run : runs) selected.push_back({.states = at::stack(run)});
  return selected;
}

void Run(const Lanes& lanes, const AddedConditions& added, Group& group) {
  const ControlNetModelImpl& network = group.net->network();
  AddedConditions conditions;
  if (network.config().unet.added_features > 0) {
    conditions.pooled = Select(added.pooled, group.lanes);
    conditions.numbers = Select(added.numbers, group.lanes);
  }
  // A U-Net for inpainting sees more channels than the latent's.
  const at::Tensor samples = Select(lanes.samples, group.lanes).narrow(1, 0, network.config().unet.in_channels);
  group.residuals = network.forward(samples, Select(lanes.timesteps, group.lanes), Select(lanes.context, group.lanes),
                                    at::stack(group.hints), conditions);
}

// Product and sum are rounded one after the other: fused, an element's bits could depend on its place in the tensor.
void Accumulate(const at::Tensor& residual, double scale, at::Tensor& sum) {
  const at::Tensor scaled = residual * scale;
  sum = sum.defined() ? sum + scaled : scaled;
}

LaneResiduals Sum(int64_t lane, const std::vector<Place>& places, const std::vector<Group>& groups) {
  LaneResiduals sum{.lane = lane, .down = {}, .middle = {}};
  for (const Place& place : places) {
    const ControlNetModelImpl::Residuals& residuals = groups[place.group].residuals;
    sum.down.resize(residuals.down.size());
    for (size_t i = 0; i < sum.down.size(); ++i) {
      Accumulate(residuals.down[i][place.entry], place.scale, sum.down[i]);
    }
    Accumulate(residuals.middle[place.entry], place.scale, sum.middle);
  }
  return sum;
}

}  // namespace

std::vector<LaneResiduals> ControlResiduals(const Lanes& lanes, const AddedConditions& added) {
  const c10::InferenceMode no_gradients;
  std::vector<Group> groups;
  std::map<const ControlNet*, size_t> group_of;
  std::map<int64_t, std::vector<Place>> places;           // by lane
  const auto frames = static_cast<size_t>(lanes.frames);  // of a clip, each a lane and steered alike
  for (size_t lane = 0; lane < lanes.controls.size() * frames; ++lane) {
    for (const AppliedControl& control : lanes.controls[lane / frames]) {
      if (control.scale == 0) continue;
      const auto [found, is_new] = group_of.try_emplace(control.net.get(), groups.size());
      if (is_new) groups.push_back({.net = control.net.get(), .lanes = {}, .hints = {}});
      Group& group = groups[found->second];
      places[static_cast<int64_t>(lane)].push_back(
          {.group = found->second, .entry = static_cast<int64_t>(group.lanes.size()), .scale = control.scale});
      group.lanes.push_back(static_cast<int64_t>(lane));
      group.hints.push_back(control.hint);
    }
  }
  for (Group& group : groups) Run(lanes, added, group);
  std::vector<LaneResiduals> residuals;
  for (const auto& [lane, of_lane] : places) residuals.push_back(Sum(lane, of_lane, groups));
  return residuals;
}

}  // namespace latentd::model
