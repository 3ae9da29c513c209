#include "model/pipeline/bert_conditioner.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "model/layers/network_bytes.h"

namespace latentd::model {

int64_t BertConditioner::memory_bytes() const { return NetworkBytes(*encoder_); }

std::vector<Conditioning> BertConditioner::Encode(std::span<const Prompt> prompts) const {
  std::vector<Conditioning> encoded(prompts.size());
  std::vector<at::Tensor> ids;
  for (size_t i = 0; i < prompts.size(); ++i) {
    Tokenized tokens = tokenizer_.Encode(prompts[i].text);
    ids.push_back(at::tensor(tokens.ids, at::kLong));
    encoded[i].cut_text = std::move(tokens.truncated);
  }
  const at::Tensor states = encoder_->forward(at::stack(ids).to(device_));  // [n, T, D]
  for (size_t i = 0; i < prompts.size(); ++i) encoded[i].states = states[static_cast<int64_t>(i)].clone();
  return encoded;
}

}  // namespace latentd::model
