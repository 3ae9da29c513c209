#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "model/pipeline/diffusion_model.h"

namespace latentd::engine {

// What decides a prompt's conditioning, and nothing else. Not the model's name: loaded again, it may have other files;
// what is kept of earlier loads leaves as it is used no more.
struct ConditioningKey {
  uint64_t load = 0;  // of the model (ModelLease::load)
  std::string text;
  int clip_skip = 0;
  std::string text_2{};
  bool negative = false;
  bool literal = false;
  std::string adapters{};  // JobAdapters::text_key
  std::optional<int64_t> class_label = {};
  bool is_phrase = false;

  auto operator<=>(const ConditioningKey&) const = default;
};

// Keeps the conditioning of recent prompts: the empty negative prompt, and prompts tried with many seeds, are encoded
// once. Least recently used entries leave first. Belongs to the engine thread.
class ConditioningCache {
 public:
  // `max_bytes` of tensors are kept beside those still in use by rows.
  explicit ConditioningCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null when it is not there.
  std::shared_ptr<const model::Conditioning> Find(const ConditioningKey& key);

  std::shared_ptr<const model::Conditioning> Insert(const ConditioningKey& key, model::Conditioning conditioning);

  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    ConditioningKey key;
    std::shared_ptr<const model::Conditioning> conditioning;
    int64_t bytes;
  };

  void Erase(std::list<Entry>::iterator entry);

  const int64_t max_bytes_;
  int64_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::map<ConditioningKey, std::list<Entry>::iterator> index_;
};

}  // namespace latentd::engine
