#include "server/engine/offer.h"

#include <utility>

namespace latentd::engine {

void Offer::Make(const State& state) {
  // Models come one by one: others begin sooner where the loader is free, or as soon here when it is.
  core::Capacity capacity{.jobs = state.jobs, .can_load = !models_->IsLoading()};
  const bool is_same = capacity.jobs == made_.jobs && capacity.can_load == made_.can_load;
  if (is_same && !std::exchange(models_changed_, false)) return;
  for (const core::ModelInfo& model : models_->List()) {
    const bool is_here = state.works && (model.state == core::ModelState::kLoaded || state.uses(model.name));
    const bool is_hopeless = model.state == core::ModelState::kBroken || !models_->CouldHold(model);
    (is_here ? capacity.models : is_hopeless ? capacity.broken_models : capacity.other_models).push_back(model.name);
  }
  if (capacity == made_) return;
  made_ = capacity;
  store_->Offer(capacity);
}

}  // namespace latentd::engine
