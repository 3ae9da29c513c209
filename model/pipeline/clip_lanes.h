#pragma once

#include <ATen/core/Tensor.h>

#include "model/adapters/motion_module.h"
#include "model/pipeline/denoiser.h"

namespace latentd::model {

// Clips as the U-Net sees them: every frame is a lane, and all frames of a clip have its timestep, text and LoRAs.

// Makes lanes whose samples are clips, [L, C, F, h, w], those of their frames, [L * F, C, h, w]. The text is not
// copied.
void SpreadFrames(Lanes& lanes, const MotionModule& motion);

// What the U-Net gave for the frames, [L * F, C, h, w], as clips: [L, C, F, h, w]
at::Tensor GatherFrames(const at::Tensor& noise, const Lanes& lanes);

}  // namespace latentd::model
