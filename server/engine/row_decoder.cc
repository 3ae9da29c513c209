#include "server/engine/row_decoder.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "server/engine/check_safety.h"

namespace latentd::engine {
namespace {

bool IsLatent(const Row& row) { return row.job->request().output_format() == core::ImageFormat::kLatent; }

}  // namespace

void RowDecoder::Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) const {
  if (rows.front()->job->request().animation()) {
    for (Row* row : rows) {
      if (!row->decoded) DecodeFrames(*row, model);  // it is, when a clip beside it is tried again
    }
  } else {
    DecodePictures(rows, model);
  }
}

void RowDecoder::DecodePictures(const std::vector<Row*>& rows, model::DiffusionModel& model) const {
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
  std::vector<at::Tensor> results(rows.size());  // pictures or latents, on the CPU
  std::vector<bool> flagged(rows.size());
  for (size_t i = 0; i < places.size(); ++i) {
    results[places[i]] = std::move(decoded[i]);
    flagged[places[i]] = of_decoded[i];
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (IsLatent(*rows[i])) results[i] = rows[i]->latent.to(at::kCPU, at::kFloat);
  }
  // From here on nothing fails.
  for (size_t i = 0; i < rows.size(); ++i) {
    Row& row = *rows[i];
    row.decoded = true;
    if (IsWithheld(row, flagged[i])) continue;
    if (IsLatent(row)) {
      row.job->publisher->Latent(row.index, row.seed, std::move(results[i]), flagged[i]);
    } else {
      row.job->publisher->Picture(row.index, row.seed, std::move(results[i]), flagged[i]);
    }
  }
}

void RowDecoder::DecodeFrames(Row& clip, model::DiffusionModel& model) const {
  const std::vector<at::Tensor> latents = clip.latent.unbind(/*dim=*/1);  // F of [C, h, w]
  const size_t count = std::min<size_t>(kFramesAtOnce, latents.size() - clip.frames.size());
  std::vector<at::Tensor> decoded = model.Decode(std::span(latents).subspan(clip.frames.size(), count));
  const std::vector<bool> flagged = CheckSafety(decoded, model);
  // From here on nothing fails: what does is tried again.
  if (std::find(flagged.begin(), flagged.end(), true) != flagged.end()) clip.flagged = true;
  std::move(decoded.begin(), decoded.end(), std::back_inserter(clip.frames));
  if (clip.frames.size() < latents.size()) return;
  clip.decoded = true;
  if (!IsWithheld(clip, clip.flagged)) {
    clip.job->publisher->Clip(clip.index, clip.seed, std::move(clip.frames), clip.flagged);
  }
}

bool RowDecoder::IsWithheld(const Row& row, bool flagged) const {
  if (!flagged) return false;
  if (observer_ != nullptr) observer_->OnFlaggedImage(row.job->request().model());
  if (withhold_flagged_) row.job->publisher->Withheld(row.index, row.seed);
  return withhold_flagged_;
}

}  // namespace latentd::engine
