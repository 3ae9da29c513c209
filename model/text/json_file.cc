#include "model/text/json_file.h"

#include <fstream>

#include "model/errors.h"

namespace latentd::model {

nlohmann::json ReadJsonObject(const std::filesystem::path& file) {
  constexpr uintmax_t kMaxBytes = 16 << 20;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw ModelError(file.string(), {"cannot be read: " + error.message()});
  if (size > kMaxBytes) throw ModelError(file.string(), {"is larger than 16 MiB"});
  std::ifstream stream(file);
  nlohmann::json document = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) throw ModelError(file.string(), {"is not a JSON object"});
  return document;
}

}  // namespace latentd::model
