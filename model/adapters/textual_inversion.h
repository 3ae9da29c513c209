#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "model/adapters/adapter.h"

namespace latentd::model {

// The vectors of one textual-inversion file, which text encoders read instead of a token of their own (Gal et al. 2022,
// arXiv:2208.01618).
class TextualInversion : public Adapter {
 public:
  // `token`: what the file calls it; empty for kinds of files that do not say. `vectors`: by the encoder's name, [n, D]
  // each.
  TextualInversion(std::string token, std::map<std::string, at::Tensor> vectors)
      : token_(std::move(token)), vectors_(std::move(vectors)) {}

  int64_t memory_bytes() const override {
    int64_t bytes = 0;
    for (const auto& [encoder, vectors] : vectors_) bytes += static_cast<int64_t>(vectors.nbytes());
    return bytes;
  }

  const std::string& token() const { return token_; }

  // [n, D]: what "text_encoder" or "text_encoder_2" sees; undefined when the file has nothing for it.
  at::Tensor VectorsFor(const std::string& encoder) const {
    const auto found = vectors_.find(encoder);
    return found == vectors_.end() ? at::Tensor() : found->second;
  }

 private:
  const std::string token_;
  const std::map<std::string, at::Tensor> vectors_;
};

// One of a prompt's embeddings, and what stands for it in the text.
struct AppliedEmbedding {
  std::string token;                             // UTF-8, not empty
  std::shared_ptr<const TextualInversion> file;  // not null; loaded by the model that encodes the prompt
};

}  // namespace latentd::model
