#include "model/pipeline/clip_conditioner.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>

#include "model/adapters/lora_scope.h"
#include "model/pipeline/network_bytes.h"

namespace latentd::model {
namespace {

// So that prompts with the same LoRAs are neighbours. `places` are those of some of the prompts.
void SortByLoras(std::span<const Prompt> prompts, std::vector<size_t>& places) {
  std::vector<LoraSet> sets;
  for (const Prompt& prompt : prompts) sets.emplace_back(prompt.loras);
  const std::vector<size_t> numbers = NumberLoras(sets);
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) { return numbers[a] < numbers[b]; });
}

}  // namespace

int64_t ClipConditioner::memory_bytes() const { return NetworkBytes(*encoder_); }

std::vector<Conditioning> ClipConditioner::Encode(std::span<const Prompt> prompts) const {
  // One forward for all prompts of a clip skip.
  std::map<int, std::vector<size_t>> by_clip_skip;
  std::vector<Conditioning> encoded(prompts.size());
  std::vector<at::Tensor> ids(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    Tokenized tokens = tokenizer_.Encode(prompts[i].text);
    ids[i] = at::tensor(tokens.ids, at::kLong);
    encoded[i].cut_text = std::move(tokens.truncated);
    by_clip_skip[prompts[i].clip_skip].push_back(i);
  }
  for (auto& [clip_skip, places] : by_clip_skip) {
    SortByLoras(prompts, places);
    std::vector<at::Tensor> batch;
    std::vector<LoraSet> loras;
    for (const size_t place : places) {
      batch.push_back(ids[place]);
      loras.push_back(prompts[place].loras);
    }
    const LoraScope scope(adaptable_, loras);
    const at::Tensor states = encoder_->Encode(at::stack(batch).to(device_), clip_skip);  // [n, T, D]
    for (size_t i = 0; i < places.size(); ++i) encoded[places[i]].states = states[static_cast<int64_t>(i)].clone();
  }
  return encoded;
}

}  // namespace latentd::model
