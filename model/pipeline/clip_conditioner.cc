#include "model/pipeline/clip_conditioner.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <map>

#include "model/pipeline/network_bytes.h"

namespace latentd::model {

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
  for (const auto& [clip_skip, places] : by_clip_skip) {
    std::vector<at::Tensor> batch;
    for (const size_t place : places) batch.push_back(ids[place]);
    const at::Tensor states = encoder_->Encode(at::stack(batch).to(device_), clip_skip);  // [n, T, D]
    for (size_t i = 0; i < places.size(); ++i) encoded[places[i]].states = states[static_cast<int64_t>(i)].clone();
  }
  return encoded;
}

}  // namespace latentd::model
