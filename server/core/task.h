#pragma once

#include <string_view>

namespace latentd::core {

// What a picture is made from.
enum class Task {
  kTextToImage,
  kImageToImage,
  kInpaint,
  kOutpaint,
  kClassToImage,
  kBoxesToImage,
  kSuperResolution,
  kUnconditional,
};

// As GenerationSpec.task and Model.tasks name it.
constexpr std::string_view Name(Task task) {
  switch (task) {
    case Task::kTextToImage:
      return "text_to_image";
    case Task::kImageToImage:
      return "image_to_image";
    case Task::kInpaint:
      return "inpaint";
    case Task::kOutpaint:
      return "outpaint";
    case Task::kClassToImage:
      return "class_to_image";
    case Task::kBoxesToImage:
      return "boxes_to_image";
    case Task::kSuperResolution:
      return "super_resolution";
    case Task::kUnconditional:
      return "unconditional";
  }
  return "";
}

}  // namespace latentd::core
