#include "server/engine/offer.h"

#include <utility>

namespace latentd::engine {

void Offer::Make(const State& state) {
  // Models come one by one: others begin sooner where the loader is free, or as soon here when it is.
  core::Capacity capacity{.jobs = state.jobs, .can_load = !models_->IsLoading()};
  const bool is_same = capacity.jobs == made_.jobs && capacity.can_load == made_.can_load;
  if (is_same && !std::exchange(models_changed_, false)) return;
  for (const core::ModelInfo& model : models_->List()) {
    const bool is_loaded = model.state == core::ModelState::kLoaded;
    // Its error stays while it is tried once more.
    const bool is_hopeless = !is_loaded && (!model.error.ok() || !models_->CouldHold(model));
    const bool is_here = state.works && !is_hopeless && (is_loaded || state.uses(model.name));
    (is_here ? capacity.models : is_hopeless ? capacity.broken_models : capacity.other_models).push_back(model.name);
  }
  if (capacity == made_) return;
  made_ = capacity;
  store_->Offer(capacity);
}

}  // namespace latentd::engine
