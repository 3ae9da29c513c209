#include "server/engine/conditioning_cache.h"

#include <iterator>
#include <utility>

namespace latentd::engine {

std::shared_ptr<const model::Conditioning> ConditioningCache::Find(const ConditioningKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->conditioning;
}

std::shared_ptr<const model::Conditioning> ConditioningCache::Insert(const ConditioningKey& key,
                                                                     model::Conditioning conditioning) {
  if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
  const auto size = [](const at::Tensor& tensor) { return tensor.defined() ? tensor.nbytes() : 0; };
  const auto bytes =
      static_cast<int64_t>(size(conditioning.states) + size(conditioning.pooled) + key.text.size() + key.text_2.size() +
                           conditioning.cut_text.size() + conditioning.cut_text_2.size());
  auto shared = std::make_shared<const model::Conditioning>(std::move(conditioning));
  entries_.push_front({key, shared, bytes});
  index_[key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && !entries_.empty()) Erase(std::prev(entries_.end()));
  return shared;
}

void ConditioningCache::Erase(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace latentd::engine
