#include "model/pipeline/clip_conditioner.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>

#include "model/adapters/lora_scope.h"
#include "model/pipeline/network_bytes.h"
#include "model/text/prompt_windows.h"
#include "model/text/weigh_states.h"

namespace latentd::model {
namespace {

// A window of one of the prompts.
struct Place {
  size_t prompt;
  PromptWindow window;
};

}  // namespace

int64_t ClipConditioner::memory_bytes() const { return NetworkBytes(*encoder_); }

std::vector<Conditioning> ClipConditioner::Encode(std::span<const Prompt> prompts) const {
  // One forward for all windows of a clip skip.
  std::map<int, std::vector<Place>> by_clip_skip;
  std::vector<Conditioning> encoded(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    PromptWindows cut = WindowsOf(tokenizer_, prompts[i].text, prompts[i].literal);
    encoded[i].cut_text = std::move(cut.cut_text);
    for (PromptWindow& window : cut.windows) by_clip_skip[prompts[i].clip_skip].push_back({i, std::move(window)});
  }
  const std::vector<size_t> numbers = LoraNumbers(prompts);
  std::vector<std::vector<at::Tensor>> states(prompts.size());  // of each prompt's windows: [T, D]
  for (auto& [clip_skip, places] : by_clip_skip) {
    std::stable_sort(places.begin(), places.end(),
                     [&](const Place& a, const Place& b) { return numbers[a.prompt] < numbers[b.prompt]; });
    std::vector<at::Tensor> ids;
    std::vector<LoraSet> loras;
    for (const Place& place : places) {
      ids.push_back(at::tensor(place.window.ids, at::kLong));
      loras.push_back(prompts[place.prompt].loras);
    }
    const LoraScope scope(adaptable_, loras);
    const at::Tensor batch = encoder_->Encode(at::stack(ids).to(device_), clip_skip);  // [n, T, D]
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [prompt, window] = places[i];
      const at::Tensor own = batch[static_cast<int64_t>(i)];
      states[prompt].push_back(window.weighted() ? WeighStates(own, window.weights) : own);
    }
  }
  for (size_t i = 0; i < prompts.size(); ++i) encoded[i].states = at::cat(states[i]);
  return encoded;
}

}  // namespace latentd::model
