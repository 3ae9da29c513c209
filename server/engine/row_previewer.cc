#include "server/engine/row_previewer.h"

#include <memory>
#include <string>
#include <utility>

#include "server/engine/check_safety.h"
#include "server/engine/status.h"
#include "server/log/log.h"

namespace latentd::engine {
namespace {

using Preview = RowPreviewer::Preview;

// Whether the row is to show the step that it has ended, in this way.
bool Wants(const Row& row, core::PreviewKind kind) {
  const core::GenerationRequest& request = row.job->request();
  return request.preview_kind() == kind && StepsDone(row) % request.preview_every_steps() == 0;
}

core::LatentPreview AsPreview(const at::Tensor& latent, const model::DiffusionModel& model) {
  const at::Tensor values = latent.to(at::kCPU, at::kFloat).contiguous();
  return {
      .shape = std::vector<int>(values.sizes().begin(), values.sizes().end()),
      .dtype = "float32",
      .data = std::make_shared<const std::string>(static_cast<const char*>(values.const_data_ptr()), values.nbytes()),
      .scaling_factor = model.scaling_factor(),
      .rgb_map = model.preview_map()};
}

// `check`: everything is looked at, latents as pictures, before it is in `previews`.
void MakePreviews(const std::vector<Row*>& rows, const std::vector<at::Tensor>& clean,
                  const model::DiffusionModel& model, bool check, std::vector<Preview>& previews) {
  const auto show_latent = [&](size_t row) { previews[row].latent = AsPreview(clean[row], model); };
  std::vector<size_t> places;
  std::vector<at::Tensor> latents;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool as_latent = Wants(*rows[i], core::PreviewKind::kLatent);
    if (as_latent && !check) show_latent(i);
    if (!Wants(*rows[i], core::PreviewKind::kImage) && !(as_latent && check)) continue;
    places.push_back(i);
    latents.push_back(clean[i]);
  }
  if (places.empty()) return;
  std::vector<at::Tensor> pictures = model.Preview(latents);
  const std::vector<bool> flagged = check ? CheckSafety(pictures, model) : std::vector<bool>(pictures.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const size_t place = places[i];
    if (flagged[i]) continue;
    if (Wants(*rows[place], core::PreviewKind::kLatent)) {
      show_latent(place);
    } else {
      previews[place].picture = std::move(pictures[i]);
    }
  }
}

}  // namespace

std::vector<Preview> RowPreviewer::Make(const std::vector<Row*>& rows, const std::vector<at::Tensor>& clean,
                                        const model::DiffusionModel& model) {
  std::vector<Preview> previews(rows.size());
  const bool check = withhold_flagged_ && model.safety_checker() != nullptr;
  const absl::Status made = Guarded([&] { MakePreviews(rows, clean, model, check, previews); });
  // The rows can go on without.
  if (!made.ok() && !std::exchange(failed_, true)) {
    log::Warn("previews could not be made; this is said once", {{"error", std::string(made.message())}});
  }
  return previews;
}

}  // namespace latentd::engine
