#pragma once

namespace latentd::model {

// Element-wise functions that networks apply after a normalisation or a projection.
enum class Activation {
  kNone,
  kSilu,
  kGelu,       // exact, by erf: also OpenCLIP, Stable Diffusion 2.x
  kQuickGelu,  // x sigmoid(1.702 x): OpenAI's CLIP, Stable Diffusion 1.x
  kRelu
};

}  // namespace latentd::model
