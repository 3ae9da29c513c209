#include "tests/server/auth/certificates.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace latentd::auth {
namespace {

Certificate Make(const std::filesystem::path& folder, const std::string& name, const std::string& extensions) {
  Certificate made{.cert = folder / absl::StrCat(name, ".pem"), .key = folder / absl::StrCat(name, ".key")};
  const std::string command =
      absl::StrCat("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=", name,
                   " -keyout ", made.key, " -out ", made.cert, " ", extensions, " 2>/dev/null");
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return made;
}

}  // namespace

Authority::Authority(const std::string& name) : root_(Make(folder_.path(), name, "")) {}

Certificate Authority::Issue(const std::string& name) const {
  return Make(folder_.path(), name,
              absl::StrCat("-CA ", root_.cert, " -CAkey ", root_.key,
                           " -addext subjectAltName=IP:127.0.0.1,DNS:localhost"
                           " -addext basicConstraints=critical,CA:FALSE"));
}

}  // namespace latentd::auth
