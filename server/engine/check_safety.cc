#include "server/engine/check_safety.h"

#include "server/engine/prepare_picture.h"

namespace latentd::engine {

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

}  // namespace latentd::engine
