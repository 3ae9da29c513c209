#include "model/adapters/lora_scope.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "model/adapters/number_alike.h"

namespace latentd::model {

bool SameLoras(LoraSet a, LoraSet b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const AppliedLora& x, const AppliedLora& y) { return x.lora == y.lora && x.scale == y.scale; });
}

std::vector<size_t> NumberLoras(std::span<const LoraSet> sets) { return NumberAlike(sets, SameLoras); }

LoraScope::LoraScope(const AdaptableNetwork& network, std::span<const LoraSet> lanes) : network_(network) {
  const size_t layers = network.layers().size();
  for (size_t first = 0, end = 0; first < lanes.size(); first = end) {
    while (end < lanes.size() && SameLoras(lanes[first], lanes[end])) ++end;
    for (const AppliedLora& applied : lanes[first]) {
      if (applied.scale == 0) continue;
      for (const Lora::Change& change : applied.lora->Changes(network.name())) {
        TORCH_CHECK(change.layer < layers, "LoRA: made for another network than ", network.name());
        deltas_.resize(layers);
        deltas_[change.layer].push_back({.first_lane = static_cast<int64_t>(first),
                                         .lanes = static_cast<int64_t>(end - first),
                                         .change = &change.weights,
                                         .scale = applied.scale});
      }
    }
  }
  for (size_t i = 0; i < deltas_.size(); ++i) {
    if (!deltas_[i].empty()) network_.layers()[i].layer->SetDeltas(&deltas_[i]);
  }
}

LoraScope::~LoraScope() {
  for (size_t i = 0; i < deltas_.size(); ++i) {
    if (!deltas_[i].empty()) network_.layers()[i].layer->SetDeltas(nullptr);
  }
}

}  // namespace latentd::model
