#include "model/pipeline/denoiser.h"

#include "model/errors.h"

namespace latentd::model {

std::shared_ptr<const MotionModule> Denoiser::LoadMotion(const std::filesystem::path& file) const {
  throw ModelError(file.string(), {"this model takes no motion modules"});
}

}  // namespace latentd::model
