#pragma once

namespace latentd::core {

// The kinds of work that the device does for a row, in their order.
enum class Stage {
  kEncode,   // the prompt, and the initial noise
  kPredict,  // one evaluation of the U-Net, again and again
  kDecode,   // latent to picture
};

}  // namespace latentd::core
