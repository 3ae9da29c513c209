#pragma once

#include <vector>

#include "model/pipeline/denoiser.h"
#include "model/unet/unet.h"

namespace latentd::model {

// What the ControlNets of some lanes add to their forward through the U-Net; for lanes without one there is no entry.
// All lanes of a ControlNet go through it together, whichever others they have. `added`: what the U-Net is told of the
// lanes.
//
// A lane's residuals are its ControlNets', each times its scale, added in the row's order: on the CPU in float32 they
// depend on nothing but that lane.
std::vector<LaneResiduals> ControlResiduals(const Lanes& lanes, const AddedConditions& added);

}  // namespace latentd::model
