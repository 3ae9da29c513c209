#pragma once

#include <cstdint>

namespace latentd::model {

// Weights that change a base model: LoRA, ControlNet, motion module … Immutable, on the model's device, and read from
// any thread.
class Adapter {
 public:
  virtual ~Adapter() = default;

  // Bytes of its weights on the device.
  virtual int64_t memory_bytes() const = 0;

 protected:
  Adapter() = default;
  Adapter(const Adapter&) = default;
  Adapter& operator=(const Adapter&) = default;
};

}  // namespace latentd::model
