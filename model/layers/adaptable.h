#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "model/layers/lane_delta.h"

namespace latentd::model {

// A layer with one weight that a LoRA may change for some lanes of a forward. The weight itself never changes: what a
// change adds to the result is computed beside it, for its lanes alone, so that lanes without one are computed as if
// there were none.
class Adaptable {
 public:
  virtual ~Adaptable() = default;

  virtual const at::Tensor& BaseWeight() const = 0;  // [out, in], or [out, in, k, k] of a convolution

  // What the forwards from now on add; null: nothing. Not owned, and it must not change meanwhile. For the thread that
  // runs the forwards (see LoraScope).
  void SetDeltas(const LaneDeltas* deltas) const { deltas_ = deltas; }

 protected:
  Adaptable() = default;
  Adaptable(const Adaptable&) = default;
  Adaptable& operator=(const Adaptable&) = default;

  bool has_deltas() const { return deltas_ != nullptr; }

  // Calls body(delta, first, count) for what each delta has of x's `entries`, each of which stands for `lanes_each`
  // lanes of the forward, from first_lane on: `first` and `count` are entries. REQUIRES: the lanes of one entry have
  // the same deltas.
  template <typename Body>
  void ForEachDelta(int64_t first_lane, int64_t entries, int64_t lanes_each, const Body& body) const {
    if (deltas_ == nullptr) return;
    for (const LaneDelta& delta : *deltas_) {
      const int64_t begin = std::max(delta.first_lane, first_lane);
      const int64_t end = std::min(delta.first_lane + delta.lanes, first_lane + entries * lanes_each);
      if (begin < end) body(delta, (begin - first_lane) / lanes_each, (end - begin) / lanes_each);
    }
  }

 private:
  mutable const LaneDeltas* deltas_ = nullptr;
};

}  // namespace latentd::model
