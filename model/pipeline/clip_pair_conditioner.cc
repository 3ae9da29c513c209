#include "model/pipeline/clip_pair_conditioner.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <map>

#include "model/pipeline/network_bytes.h"

namespace latentd::model {

int64_t ClipPairConditioner::memory_bytes() const {
  return NetworkBytes(*second_.encoder) + (first_ ? NetworkBytes(*first_->encoder) : 0);
}

bool ClipPairConditioner::IsZeros(const Prompt& prompt) const {
  return options_.zeros_for_empty_negative && prompt.negative && prompt.text.empty() && SecondText(prompt).empty();
}

Conditioning ClipPairConditioner::Zeros() const {
  const ClipTextConfig& config = second_.encoder->config();
  const int64_t features = config.hidden_size + (first_ ? first_->encoder->config().hidden_size : 0);
  return {.states = at::zeros({second_.tokenizer.window(), features}, options_.tensors),
          .pooled = at::zeros({config.projection_dim}, options_.tensors),
          .cut_text = {}};
}

std::vector<Conditioning> ClipPairConditioner::Encode(std::span<const Prompt> prompts) const {
  std::vector<Conditioning> encoded(prompts.size());
  std::vector<at::Tensor> first_ids(prompts.size());
  std::vector<at::Tensor> second_ids(prompts.size());
  // One forward for all prompts of a clip skip.
  std::map<int, std::vector<size_t>> by_clip_skip;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (IsZeros(prompts[i])) {
      encoded[i] = Zeros();
      continue;
    }
    Tokenized second = second_.tokenizer.Encode(SecondText(prompts[i]));
    second_ids[i] = at::tensor(second.ids, at::kLong);
    encoded[i].cut_text = std::move(second.truncated);
    if (first_) {
      Tokenized first = first_->tokenizer.Encode(prompts[i].text);
      first_ids[i] = at::tensor(first.ids, at::kLong);
      if (prompts[i].text_2 != prompts[i].text) encoded[i].cut_text_2 = std::move(encoded[i].cut_text);
      encoded[i].cut_text = std::move(first.truncated);
    }
    by_clip_skip[prompts[i].clip_skip].push_back(i);
  }
  for (const auto& [clip_skip, places] : by_clip_skip) {
    const auto gather = [&places = places, this](const std::vector<at::Tensor>& ids) {
      std::vector<at::Tensor> batch;
      for (const size_t place : places) batch.push_back(ids[place]);
      return at::stack(batch).to(options_.tensors.device());  // [n, T]
    };
    const ProjectedText second = second_.encoder->Encode(gather(second_ids), clip_skip);
    at::Tensor states = second.states;  // [n, T, D2]
    if (first_) states = at::cat({first_->encoder->Penultimate(gather(first_ids), clip_skip), states}, -1);
    for (size_t i = 0; i < places.size(); ++i) {
      encoded[places[i]].states = states[static_cast<int64_t>(i)].clone();
      encoded[places[i]].pooled = second.pooled[static_cast<int64_t>(i)].clone();
    }
  }
  return encoded;
}

}  // namespace latentd::model
