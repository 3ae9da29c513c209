#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace latentd::model {

// A prompt in one window.
struct Tokenized {
  // Exactly as many ids as the window has: beginning, tokens, end, then padding up to the window.
  std::vector<int64_t> ids;
  // Tokens of the whole prompt, without beginning and end; those over the window less 2 were cut.
  int64_t token_count = 0;
  // The text of the tokens that were cut, as diffusers words it in its warning: in lower case, with spaces between
  // words. Empty when nothing was cut.
  std::string truncated;
};

}  // namespace latentd::model
