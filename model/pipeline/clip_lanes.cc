#include "model/pipeline/clip_lanes.h"

namespace latentd::model {

void SpreadFrames(Lanes& lanes, const MotionModule& motion) {
  const int64_t frames = lanes.samples.size(2);
  lanes.motion = &motion;
  lanes.frames = frames;
  lanes.samples = lanes.samples.transpose(1, 2).flatten(0, 1);
  lanes.timesteps = lanes.timesteps.repeat_interleave(frames);
  lanes.guidance = lanes.guidance.repeat_interleave(frames);
  for (ContextGroup& group : lanes.context) group.lanes_each = frames;
}

at::Tensor GatherFrames(const at::Tensor& noise, const Lanes& lanes) {
  return noise.unflatten(0, {-1, lanes.frames}).transpose(1, 2);
}

}  // namespace latentd::model
