#include "server/openai/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::openai {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::HasSubstr;

constexpr char kType[] = "multipart/form-data; boundary=b";

std::string Part(const std::string& headers, const std::string& data) {
  return absl::StrCat("--b\r\n", headers, "\r\n\r\n", data, "\r\n");
}

std::string Named(const std::string& name, const std::string& data) {
  return Part(absl::StrCat("Content-Disposition: form-data; name=\"", name, "\""), data);
}

void ExpectMalformed(const std::string& body, const std::string& words, const std::string& type = kType) {
  const auto parts = ParseForm(type, body);
  EXPECT_EQ(parts.status().code(), absl::StatusCode::kInvalidArgument) << body;
  EXPECT_THAT(std::string(parts.status().message()), HasSubstr(words)) << body;
}

TEST(ParseForm, ReadsPartsInTheirOrder) {
  const std::string body =
      Named("prompt", "a cat") + Named("n", "") +
      Part("content-type: image/png\r\ncontent-disposition: form-data; name=image; filename=\"a;b.png\"",
           std::string("\0\r\n--\r\n-b\r\n", 11)) +
      Named("prompt", "again") + "--b--\r\n";
  const auto parts = ParseForm(kType, body);
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_THAT(*parts,
              ElementsAre(FieldsAre("prompt", "a cat"), FieldsAre("n", ""),
                          FieldsAre("image", std::string("\0\r\n--\r\n-b\r\n", 11)), FieldsAre("prompt", "again")));
}

TEST(ParseForm, ReadsEveryWayToWriteABoundaryAndAName) {
  for (const char* type :
       {"multipart/form-data; boundary=b", "Multipart/Form-Data;boundary=\"b\"",
        "multipart/form-data; charset=utf-8; Boundary=b;", "multipart/form-data ;  boundary=\"\\b\""}) {
    EXPECT_TRUE(ParseForm(type, Named("n", "1") + "--b--").ok()) << type;
  }
  for (const char* name : {"name=image[]", "name=\"image[]\"", "name=\"image\\[]\""}) {
    const auto parts = ParseForm(kType, Part(absl::StrCat("Content-Disposition: form-data; ", name), "") + "--b--");
    if (name == std::string("name=image[]")) {  // brackets are not for tokens
      EXPECT_FALSE(parts.ok());
    } else {
      ASSERT_TRUE(parts.ok()) << name;
      EXPECT_THAT(*parts, ElementsAre(FieldsAre("image[]", "")));
    }
  }
  EXPECT_TRUE(ParseForm("multipart/form-data; boundary=\"a (b)\"", "--a (b)--").ok());
}

TEST(ParseForm, TakesBlanksAfterABoundaryAndALastLineEnd) {
  const std::string body = "--b \t\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n--b-- \r\n";
  ASSERT_TRUE(ParseForm(kType, body).ok());
  EXPECT_TRUE(ParseForm(kType, "--b--")->empty());
}

TEST(ParseForm, RefusesOtherKindsOfBodies) {
  for (const char* type : {"", "application/json", "multipart/mixed; boundary=b", "multipart/form-data; boundary"}) {
    const auto parts = ParseForm(type, "--b--");
    EXPECT_EQ(core::GetErrorDetails(parts.status()).reason, "UNSUPPORTED_CONTENT_TYPE") << type;
  }
  ExpectMalformed("--b--", "names no boundary", "multipart/form-data");
  ExpectMalformed("--b--", "1 to 70 characters", "multipart/form-data; boundary=\"\"");
  ExpectMalformed("--b--", "1 to 70 characters", "multipart/form-data; boundary=" + std::string(71, 'b'));
}

TEST(ParseForm, RefusesWhatIsNotWellFormed) {
  ExpectMalformed("", "does not begin with the boundary");
  ExpectMalformed("before\r\n--b--", "does not begin with the boundary");
  ExpectMalformed("--b", "line goes on");
  ExpectMalformed("--bc\r\n", "line goes on");
  ExpectMalformed("--b\n\n1\n--b--", "line goes on");
  ExpectMalformed("--b--after", "follows the last boundary");
  ExpectMalformed("--b\r\n", "headers do not end");
  ExpectMalformed("--b\r\n\r\n1\r\n--b--", "has no name");
  ExpectMalformed(Part("no colon", "1"), "no colon");
  ExpectMalformed(Part("Content-Disposition: attachment; name=\"n\"", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data; name=\"n", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data; name=\"n\\", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data; name=a; name=b", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data; name=\"a\" b", "1"), "not form-data with a name");
  ExpectMalformed(Part("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b", "1"),
                  "two dispositions");
  for (const char* none : {"binary", "8BIT", "7bit"}) {
    EXPECT_TRUE(ParseForm(kType, Part(absl::StrCat("Content-Transfer-Encoding: ", none,
                                                   "\r\nContent-Disposition: form-data; name=a"),
                                      "1") +
                                     "--b--\r\n")
                    .ok());
  }
  ExpectMalformed(Part("Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=a", "1"),
                  "transfer encoding");
  ExpectMalformed(Named("n", "1"), "the last boundary is missing");
}

TEST(ParseForm, EveryPrefixIsRefused) {
  const std::string body = Named("prompt", "a cat") + Named("image", "bytes") + "--b--";
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(ParseForm(kType, body.substr(0, length)).ok()) << length;
  }
}

TEST(ParseForm, HasLimits) {
  std::string body;
  for (int i = 0; i < 64; ++i) body += Named("n", "1");
  EXPECT_EQ(ParseForm(kType, body + "--b--")->size(), 64u);
  ExpectMalformed(body + Named("n", "1") + "--b--", "more than 64 parts");
  ExpectMalformed(Part("x: " + std::string(5000, 'y') + "\r\nContent-Disposition: form-data; name=a", "1") + "--b--",
                  "more than 4096 bytes");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "x: 23456\r\n";
  ExpectMalformed(Part(many + "Content-Disposition: form-data; name=a", "1") + "--b--", "more than 4096 bytes");
}

}  // namespace
}  // namespace latentd::openai
