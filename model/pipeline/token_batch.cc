#include "model/pipeline/token_batch.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <optional>

namespace latentd::model {

OwnTokens OwnTokensOf(const Prompt& prompt, const std::string& encoder, int64_t vocabulary) {
  std::vector<OwnToken> tokens;
  for (const AppliedEmbedding& embedding : prompt.embeddings) {
    const at::Tensor vectors = embedding.file->VectorsFor(encoder);
    tokens.push_back({.text = embedding.token, .length = vectors.defined() ? vectors.size(0) : 0});
  }
  return OwnTokens(tokens, vocabulary);
}

void NoteUsed(const PromptWindows& windows, const OwnTokens& own, std::vector<bool>& used) {
  for (const PromptWindow& window : windows.windows) {
    for (const int64_t id : window.ids) {
      if (const std::optional<size_t> token = own.TokenOf(id)) used[*token] = true;
    }
  }
}

void TokenBatch::Add(const PromptWindow& window, const Prompt& prompt) {
  std::vector<int64_t> ids = window.ids;
  for (int64_t& id : ids) {
    if (id >= vocabulary_) id += PlaceOf(prompt);
  }
  ids_.push_back(at::tensor(ids, at::kLong));
}

int64_t TokenBatch::PlaceOf(const Prompt& prompt) {
  const auto [place, is_new] = places_.try_emplace(&prompt, count_);
  if (!is_new) return place->second;
  for (const AppliedEmbedding& embedding : prompt.embeddings) {
    const at::Tensor vectors = embedding.file->VectorsFor(encoder_);
    if (!vectors.defined()) continue;
    vectors_.push_back(vectors);
    count_ += vectors.size(0);
  }
  return place->second;
}

at::Tensor TokenBatch::ids() const { return at::stack(ids_); }

at::Tensor TokenBatch::vectors() const { return vectors_.empty() ? at::Tensor() : at::cat(vectors_); }

}  // namespace latentd::model
