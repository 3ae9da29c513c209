#include "server/engine/image_prompt_inputs.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "model/vision/image_processor.h"
#include "server/core/adapter_fields.h"
#include "server/engine/damaged_input.h"
#include "server/engine/prepare_picture.h"
#include "server/imaging/input_image.h"

namespace latentd::engine {

std::vector<int> ImagePromptSizes(const core::GenerationRequest& request, const core::AdapterCatalog* catalog) {
  std::vector<int> sizes;
  for (const core::AdapterUse& use : request.adapters()) {
    if (use.kind == core::AdapterKind::kImagePrompt) sizes.push_back(catalog->FindAdapter(use.name)->picture_size);
  }
  return sizes;
}

absl::StatusOr<std::vector<at::Tensor>> DecodeImagePrompts(const core::GenerationRequest& request,
                                                           const std::vector<int>& sizes) {
  std::vector<at::Tensor> pictures;
  for (size_t i = 0; i < request.adapters().size(); ++i) {
    const core::AdapterUse& use = request.adapters()[i];
    if (use.kind != core::AdapterKind::kImagePrompt) continue;
    const absl::StatusOr<imaging::Picture> picture = imaging::DecodeImage(*use.image->data, {});
    if (!picture.ok()) {
      return DamagedInput(absl::StrCat(core::AdapterField(request.adapters(), i), ".image"), picture.status());
    }
    pictures.push_back(PreparePicture(*picture, model::ImageProcessorFor(sizes[pictures.size()])));
  }
  return pictures;
}

}  // namespace latentd::engine
