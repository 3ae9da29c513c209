#include "server/engine/row_decoder.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "server/engine/prepare_picture.h"

namespace latentd::engine {
namespace {

constexpr size_t kFramesAtOnce = 4;  // of a clip that go through the decoder together, to bound its memory

// For each picture whether it is not to be shown. A checker that fails fails the rows: what was not looked at is not
// sent.
std::vector<bool> CheckSafety(const std::vector<at::Tensor>& pictures, const model::DiffusionModel& model) {
  const model::SafetyChecker* checker = model.safety_checker();
  if (checker == nullptr || pictures.empty()) return std::vector<bool>(pictures.size());
  std::vector<at::Tensor> prepared;
  prepared.reserve(pictures.size());
  for (const at::Tensor& picture : pictures) {
    prepared.push_back(PreparePicture(ToPicture(picture), checker->processor()));
  }
  return checker->Check(prepared);
}

}  // namespace

void RowDecoder::Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) const {
  if (rows.front()->job->request().animation()) return DecodeClips(rows, model);
  std::vector<const Row*> decoded;
  std::vector<at::Tensor> latents;
  for (const Row* row : rows) {
    if (row->job->request().output_format() == core::ImageFormat::kLatent) continue;
    decoded.push_back(row);
    latents.push_back(row->latent);
  }
  std::vector<at::Tensor> pictures;
  if (!latents.empty()) pictures = model.Decode(latents);
  const std::vector<bool> flagged = CheckSafety(pictures, model);
  for (size_t i = 0; i < decoded.size(); ++i) {
    const Row& row = *decoded[i];
    if (IsWithheld(row, flagged[i])) continue;
    row.job->publisher->Picture(row.index, row.seed, std::move(pictures[i]), flagged[i]);
  }
  for (const Row* row : rows) {
    if (row->job->request().output_format() != core::ImageFormat::kLatent) continue;
    row->job->publisher->Latent(row->index, row->seed, row->latent.to(at::kCPU, at::kFloat));
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
