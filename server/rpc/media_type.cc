#include "server/rpc/media_type.h"

namespace latentd::rpc {

const char* MediaTypeOf(std::string_view file) {
  if (file.substr(0, 8) == "\x89PNG\r\n\x1A\n") return "image/png";
  if (file.substr(0, 3) == "\xFF\xD8\xFF") return "image/jpeg";
  if (file.substr(0, 4) == "RIFF" && file.size() >= 12 && file.substr(8, 4) == "WEBP") return "image/webp";
  return "application/octet-stream";
}

}  // namespace latentd::rpc
