#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <string>

namespace latentd::model {

// A shape, or numbers of the levels of a network, for messages: "[320, 4, 3, 3]".
std::string ShapeText(c10::ArrayRef<int64_t> shape);

}  // namespace latentd::model
