#include "model/weights/key_maps/clip_keys.h"

namespace latentd::model {

RenamedTensor PrefixedClipKey(const std::string& name, const TensorInfo& info) {
  for (const char* part : {"embeddings.", "encoder.", "final_layer_norm."}) {
    if (name.starts_with(part)) return {.name = "text_model." + name, .shape = info.shape};
  }
  return {.name = name, .shape = info.shape};
}

bool IsClipConstant(const std::string& name) { return name == "text_model.embeddings.position_ids"; }

}  // namespace latentd::model
