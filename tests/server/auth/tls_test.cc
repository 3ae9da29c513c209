#include "server/auth/tls.h"

#include <gmock/gmock.h>

#include <fstream>
#include <string>

#include "tests/server/auth/certificates.h"

namespace latentd::auth {
namespace {

using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  static void ExpectWrong(const TlsFiles& files, const std::string& file) {
    const absl::Status status = TlsCredentials(files).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file));
  }

  const Authority authority_{"authority"};
  const Certificate server_ = authority_.Issue("server");
};

TEST_F(TlsTest, ACertificateWithItsKeyIsTaken) {
  EXPECT_TRUE(TlsCredentials({.cert = server_.cert, .key = server_.key}).ok());
  EXPECT_TRUE(TlsCredentials({.cert = server_.cert, .key = server_.key, .client_ca = authority_.root().cert}).ok());
}

TEST_F(TlsTest, FilesThatAreNotThereAreNamed) {
  ExpectWrong({.cert = "/nowhere.pem", .key = server_.key}, "/nowhere.pem");
  ExpectWrong({.cert = server_.cert, .key = "/nowhere.key"}, "/nowhere.key");
  ExpectWrong({.cert = server_.cert, .key = server_.key, .client_ca = "/nowhere.ca"}, "/nowhere.ca");
}

TEST_F(TlsTest, FilesThatAreNoPemAreNamed) {
  const std::string text = server_.cert + ".txt";
  std::ofstream(text) << "hello";
  ExpectWrong({.cert = text, .key = server_.key}, text);
  ExpectWrong({.cert = server_.cert, .key = text}, text);
  ExpectWrong({.cert = server_.cert, .key = server_.key, .client_ca = text}, text);
}

TEST_F(TlsTest, TheKeyOfAnotherCertificateIsNamed) {
  const Certificate other = authority_.Issue("other");
  ExpectWrong({.cert = server_.cert, .key = other.key}, other.key);
}

}  // namespace
}  // namespace latentd::auth
