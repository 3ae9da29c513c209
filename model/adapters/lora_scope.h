#pragma once

#include <span>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/lora.h"
#include "model/layers/lane_delta.h"

namespace latentd::model {

// The LoRAs of one lane, added in this order.
using LoraSet = std::span<const AppliedLora>;

// Whether two lanes are changed in the same way.
bool SameLoras(LoraSet a, LoraSet b);

// For each of `sets` a number that equal sets share, counted in the order in which they first appear. Lanes that are
// sorted by it make the longest runs.
std::vector<size_t> NumberLoras(std::span<const LoraSet> sets);

// Gives the layers of a network the LoRAs of each lane for one forward, and takes them away at its end. Neighbouring
// lanes with the same LoRAs share their products.
//
//   const LoraScope scope(network, loras_of_lanes);
//   unet->forward(…);
//
// One scope at a time on a network, on the thread that runs its forwards.
class LoraScope {
 public:
  // `lanes` has one entry for each lane of the forward; or it is empty: nothing changes. What they point to outlives
  // the scope.
  LoraScope(const AdaptableNetwork& network, std::span<const LoraSet> lanes);
  ~LoraScope();
  LoraScope(const LoraScope&) = delete;
  LoraScope& operator=(const LoraScope&) = delete;

 private:
  const AdaptableNetwork& network_;
  std::vector<LaneDeltas> deltas_;  // by layer; empty when no lane has a LoRA that changes the network
};

}  // namespace latentd::model
