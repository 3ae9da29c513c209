#include "model/adapters/lora_scope.h"

#include <c10/util/Exception.h>

#include <algorithm>

namespace latentd::model {

bool SameLoras(LoraSet a, LoraSet b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const AppliedLora& x, const AppliedLora& y) { return x.lora == y.lora && x.scale == y.scale; });
}

std::vector<size_t> NumberLoras(std::span<const LoraSet> sets) {
  std::vector<size_t> numbers;
  std::vector<LoraSet> known;
  for (const LoraSet& set : sets) {
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const LoraSet& other) { return SameLoras(set, other); });
    numbers.push_back(static_cast<size_t>(found - known.begin()));
    if (found == known.end()) known.push_back(set);
  }
  return numbers;
}

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
