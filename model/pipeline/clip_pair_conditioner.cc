#include "model/pipeline/clip_pair_conditioner.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>
#include <utility>

#include "model/layers/network_bytes.h"
#include "model/pipeline/token_batch.h"
#include "model/text/prompt_windows.h"
#include "model/text/weigh_states.h"

namespace latentd::model {
namespace {

// A window of one of the prompts, as each encoder sees it.
struct Place {
  size_t prompt;
  PromptWindow first;  // empty without a first encoder
  PromptWindow second;
};

at::Tensor Weighed(const at::Tensor& states, const PromptWindow& window) {
  return window.weighted() ? WeighStates(states, window.weights) : states;
}

}  // namespace

ClipPairConditioner::ClipPairConditioner(std::optional<First> first, Second second, const Options& options)
    : first_(std::move(first)),
      second_(std::move(second)),
      options_(options),
      adaptable_second_("text_encoder_2", *second_.encoder) {
  if (first_) adaptable_first_.emplace("text_encoder", *first_->encoder);
}

std::vector<const AdaptableNetwork*> ClipPairConditioner::adaptable() const {
  std::vector<const AdaptableNetwork*> networks = {&adaptable_second_};
  if (adaptable_first_) networks.push_back(&*adaptable_first_);
  return networks;
}

std::vector<TokenTable> ClipPairConditioner::token_tables() const {
  std::vector<TokenTable> tables = {{adaptable_second_.name(), second_.encoder->token_table()}};
  if (first_) tables.push_back({adaptable_first_->name(), first_->encoder->token_table()});
  return tables;
}

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
  // One forward of each encoder for all windows of a clip skip.
  std::map<int, std::vector<Place>> by_clip_skip;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Prompt& prompt = prompts[i];
    if (IsZeros(prompt)) {
      encoded[i] = Zeros();
      continue;
    }
    const OwnTokens own_second = OwnTokensOf(prompt, adaptable_second_.name(), second_.encoder->config().vocab_size);
    PromptWindows second = WindowsOf(second_.tokenizer, SecondText(prompt), prompt.literal, own_second);
    encoded[i].embeddings_used.resize(prompt.embeddings.size());
    NoteUsed(second, own_second, encoded[i].embeddings_used);
    PromptWindows first;
    encoded[i].cut_text = std::move(second.cut_text);
    if (first_) {
      const OwnTokens own = OwnTokensOf(prompt, adaptable_first_->name(), first_->encoder->config().vocab_size);
      first = WindowsOf(first_->tokenizer, prompt.text, prompt.literal, own);
      NoteUsed(first, own, encoded[i].embeddings_used);
      if (prompt.text_2 != prompt.text) encoded[i].cut_text_2 = std::move(encoded[i].cut_text);
      encoded[i].cut_text = std::move(first.cut_text);
      const size_t windows = std::max(first.windows.size(), second.windows.size());
      first.windows.resize(windows, LiteralWindow(first_->tokenizer, "").windows.front());
      second.windows.resize(windows, LiteralWindow(second_.tokenizer, "").windows.front());
    }
    for (size_t w = 0; w < second.windows.size(); ++w) {
      by_clip_skip[prompt.clip_skip].push_back({.prompt = i,
                                                .first = first_ ? std::move(first.windows[w]) : PromptWindow(),
                                                .second = std::move(second.windows[w])});
    }
  }

  const std::vector<size_t> numbers = LoraNumbers(prompts);
  std::vector<std::vector<at::Tensor>> states(prompts.size());  // of each prompt's windows: [T, D1 + D2]
  for (auto& [clip_skip, places] : by_clip_skip) {
    std::stable_sort(places.begin(), places.end(),
                     [&](const Place& a, const Place& b) { return numbers[a.prompt] < numbers[b.prompt]; });
    std::vector<LoraSet> loras;
    for (const Place& place : places) loras.push_back(prompts[place.prompt].loras);
    const auto tokens = [&, &places = places](const std::string& encoder, int64_t vocabulary,
                                              PromptWindow Place::*side) {
      TokenBatch batch(encoder, vocabulary);
      for (const Place& place : places) batch.Add(place.*side, prompts[place.prompt]);
      return std::pair(batch.ids().to(options_.tensors.device()), batch.vectors());  // [n, T], [V, D]
    };
    const auto [second_ids, second_vectors] =
        tokens(adaptable_second_.name(), second_.encoder->config().vocab_size, &Place::second);
    const LoraScope second_scope(adaptable_second_, loras);
    const ProjectedText second = second_.encoder->Encode(second_ids, clip_skip, second_vectors);
    at::Tensor first;  // [n, T, D1]
    if (first_) {
      const LoraScope first_scope(*adaptable_first_, loras);
      const auto [ids, vectors] = tokens(adaptable_first_->name(), first_->encoder->config().vocab_size, &Place::first);
      first = first_->encoder->Penultimate(ids, clip_skip, vectors);
    }
    for (size_t i = 0; i < places.size(); ++i) {
      const Place& place = places[i];
      const auto at = static_cast<int64_t>(i);
      at::Tensor own = Weighed(second.states[at], place.second);  // [T, D2]
      if (first_) own = at::cat({Weighed(first[at], place.first), own}, -1);
      if (states[place.prompt].empty()) encoded[place.prompt].pooled = second.pooled[at].clone();
      states[place.prompt].push_back(own);
    }
  }
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (!states[i].empty()) encoded[i].states = at::cat(states[i]);
  }
  return encoded;
}

}  // namespace latentd::model
