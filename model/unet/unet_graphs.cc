#include "model/unet/unet_graphs.h"

#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>

namespace latentd::model {
namespace {

constexpr size_t kMaxForwards = 32;

// The tensors that a forward without controls, clips and boxes reads, whether defined or not.
template <typename Inputs>
auto TensorsOf(Inputs& inputs) {
  std::vector<decltype(&inputs.sample)> tensors = {&inputs.sample, &inputs.time, &inputs.guidance, &inputs.class_labels,
                                                   &inputs.features};
  for (auto& group : inputs.context) tensors.push_back(&group.states);
  return tensors;
}

std::vector<int64_t> ShapesOf(const UNetInputs& inputs) {
  std::vector<int64_t> shapes;
  for (const at::Tensor* tensor : TensorsOf(inputs)) {
    shapes.push_back(tensor->defined() ? tensor->dim() : -1);
    if (tensor->defined()) shapes.insert(shapes.end(), tensor->sizes().begin(), tensor->sizes().end());
  }
  return shapes;
}

bool IsPlain(const UNetInputs& inputs) {
  return inputs.residuals.empty() && inputs.motion.adapter == nullptr &&
         std::ranges::all_of(inputs.context, [](const ContextGroup& group) {
           return group.lanes_each == 1 && !group.objects.defined();
         });
}

}  // namespace

at::Tensor UNetGraphs::Run(const UNetInputs& inputs) {
  if (!kernels::DeviceGraph::Supports(inputs.sample.device()) || !IsPlain(inputs)) return unet_.Run(inputs);
  const c10::InferenceMode no_gradients;
  const auto [found, is_new] = forwards_.try_emplace(ShapesOf(inputs));
  Forward& forward = found->second;
  forward.last_use = ++uses_;
  if (is_new) Forget();
  if (is_new || !forward.recordable) return unet_.Run(inputs);
  if (forward.graph == nullptr) Record(inputs, forward);
  if (forward.graph == nullptr) return unet_.Run(inputs);
  const std::vector<at::Tensor*> to = TensorsOf(forward.inputs);
  const std::vector<const at::Tensor*> from = TensorsOf(inputs);
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i]->defined()) to[i]->copy_(*from[i]);
  }
  forward.graph->Replay();
  return forward.output.clone();  // the next graph may write where it lies
}

void UNetGraphs::Record(const UNetInputs& inputs, Forward& forward) {
  if (pool_ == nullptr) pool_ = kernels::DeviceGraphPool::Make(inputs.sample.device());
  forward.inputs = inputs;
  for (at::Tensor* tensor : TensorsOf(forward.inputs)) {
    if (tensor->defined()) *tensor = tensor->clone();
  }
  try {
    forward.graph = pool_->Record([&] { forward.output = unet_.Run(forward.inputs); });
  } catch (const c10::OutOfMemoryError&) {
    forward.recordable = false;  // it may still fit when nothing is kept for it
    forward.inputs = {};
    forward.output = at::Tensor();
  }
}

void UNetGraphs::Forget() {
  if (forwards_.size() <= kMaxForwards) return;
  forwards_.erase(std::ranges::min_element(forwards_, {}, [](const auto& entry) { return entry.second.last_use; }));
}

}  // namespace latentd::model
