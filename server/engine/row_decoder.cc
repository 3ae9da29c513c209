#include "server/engine/row_decoder.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "server/engine/check_safety.h"

namespace latentd::engine {
namespace {

constexpr size_t kFramesAtOnce = 4;  // of a clip that go through the decoder together, to bound its memory

bool IsLatent(const Row& row) { return row.job->request().output_format() == core::ImageFormat::kLatent; }

}  // namespace

void RowDecoder::Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) const {
  if (rows.front()->job->request().animation()) return DecodeClips(rows, model);
  std::vector<size_t> places;
  std::vector<at::Tensor> latents;
  for (size_t i = 0; i < rows.size(); ++i) {
    // What is asked for as a latent is decoded too when it must be looked at.
    if (IsLatent(*rows[i]) && model.safety_checker() == nullptr) continue;
    places.push_back(i);
    latents.push_back(rows[i]->latent);
  }
  std::vector<at::Tensor> decoded;
  if (!latents.empty()) decoded = model.Decode(latents);
  const std::vector<bool> of_decoded = CheckSafety(decoded, model);
  std::vector<at::Tensor> pictures(rows.size());
  std::vector<bool> flagged(rows.size());
  for (size_t i = 0; i < places.size(); ++i) {
    pictures[places[i]] = std::move(decoded[i]);
    flagged[places[i]] = of_decoded[i];
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = *rows[i];
    if (IsWithheld(row, flagged[i])) continue;
    if (IsLatent(row)) {
      row.job->publisher->Latent(row.index, row.seed, row.latent.to(at::kCPU, at::kFloat), flagged[i]);
    } else {
      row.job->publisher->Picture(row.index, row.seed, std::move(pictures[i]), flagged[i]);
    }
  }
}

void RowDecoder::DecodeClips(const std::vector<Row*>& rows, model::DiffusionModel& model) const {
  std::vector<std::vector<at::Tensor>> clips;
  std::vector<bool> flagged;  // where one of the frames is
  for (const Row* row : rows) {
    flagged.push_back(false);
    const std::vector<at::Tensor> latents = row->latent.unbind(/*dim=*/1);  // F of [C, h, w]
    std::vector<at::Tensor>& frames = clips.emplace_back();
    for (size_t first = 0; first < latents.size(); first += kFramesAtOnce) {
      const size_t count = std::min(kFramesAtOnce, latents.size() - first);
      std::vector<at::Tensor> decoded = model.Decode(std::span(latents).subspan(first, count));
      const std::vector<bool> of_frames = CheckSafety(decoded, model);
      if (std::find(of_frames.begin(), of_frames.end(), true) != of_frames.end()) flagged.back() = true;
      std::move(decoded.begin(), decoded.end(), std::back_inserter(frames));
    }
  }
  // All are there before the first is published: what fails is tried again.
  for (size_t i = 0; i < rows.size(); ++i) {
    if (IsWithheld(*rows[i], flagged[i])) continue;
    rows[i]->job->publisher->Clip(rows[i]->index, rows[i]->seed, std::move(clips[i]), flagged[i]);
  }
}

bool RowDecoder::IsWithheld(const Row& row, bool flagged) const {
  if (!flagged) return false;
  if (observer_ != nullptr) observer_->OnFlaggedImage(row.job->request().model());
  if (withhold_flagged_) row.job->publisher->Withheld(row.index, row.seed);
  return withhold_flagged_;
}

}  // namespace latentd::engine
