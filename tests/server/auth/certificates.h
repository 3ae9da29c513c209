#pragma once

#include <string>

#include "tests/model/weights/test_folder.h"

namespace latentd::auth {

// PEM files of a certificate and its key.
struct Certificate {
  std::string cert;
  std::string key;
};

// A certificate authority for a test, in a folder of its own that goes with it. Made by openssl; a failure of that
// fails the test.
class Authority {
 public:
  explicit Authority(const std::string& name);

  const Certificate& root() const { return root_; }

  // A certificate for 127.0.0.1 and localhost, also for callers.
  Certificate Issue(const std::string& name) const;

 private:
  const model::TestFolder folder_;
  const Certificate root_;
};

}  // namespace latentd::auth
