#include "model/adapters/lora.h"

#include <algorithm>
#include <string_view>

namespace latentd::model {

int64_t Lora::memory_bytes() const {
  int64_t bytes = 0;
  for (const auto& [network, changes] : changes_) {
    for (const Change& change : changes) {
      bytes += static_cast<int64_t>(change.weights.down.nbytes() + change.weights.up.nbytes());
    }
  }
  return bytes;
}

bool Lora::changes_text() const {
  return std::any_of(changes_.begin(), changes_.end(), [](const auto& network) {
    return std::string_view(network.first).starts_with("text_encoder") && !network.second.empty();
  });
}

std::span<const Lora::Change> Lora::Changes(const std::string& network) const {
  const auto found = changes_.find(network);
  if (found == changes_.end()) return {};
  return found->second;
}

}  // namespace latentd::model
