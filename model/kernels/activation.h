#pragma once

namespace latentd::model {

// Element-wise functions that networks apply after a normalisation or a projection.
enum class Activation { kNone, kSilu, kGelu, kRelu };

}  // namespace latentd::model
