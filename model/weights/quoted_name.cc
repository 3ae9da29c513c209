#include "model/weights/quoted_name.h"

#include <nlohmann/json.hpp>

namespace latentd::model {

std::string QuotedName(const std::string& name) {
  constexpr size_t kMaxBytes = 200;
  const bool clipped = name.size() > kMaxBytes;
  const nlohmann::json text = clipped ? name.substr(0, kMaxBytes) : name;
  return text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + (clipped ? "…" : "");
}

}  // namespace latentd::model
