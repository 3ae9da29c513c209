#include "model/pipeline/text_checks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/text/clip_tokenizer.h"

namespace latentd::model {

void CheckTokenizer(const std::filesystem::path& folder, const Component<ClipTextConfig>* text) {
  const ClipTokenizer tokenizer = ClipTokenizer::FromFolder(folder);
  if (text == nullptr) return;
  std::vector<std::string> wrong;
  const auto check = [&](const char* what, int64_t has, int64_t allowed) {
    if (has <= allowed) return;
    wrong.push_back(std::string("has ") + what + std::to_string(has) + " tokens; the text encoder has " +
                    std::to_string(allowed));
  };
  check("", tokenizer.vocab_size(), text->config.vocab_size);
  check("a window of ", tokenizer.window(), text->config.max_positions);
  if (!wrong.empty()) throw ModelError(folder.string(), std::move(wrong));
}

bool ReadsText(const UNetConfig& unet, int64_t features) {
  return std::all_of(unet.levels.begin(), unet.levels.end(), [&](const UNetLevel& level) {
    const bool attends =
        level.down_attention || level.up_attention || (&level == &unet.levels.back() && unet.has_mid_block);
    return !attends || level.context_features == features;
  });
}

}  // namespace latentd::model
