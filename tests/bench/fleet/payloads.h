#pragma once

#include <string>

namespace latentd::bench {

// What is written of a job, as the product's codec writes it.
struct Payloads {
  std::string request;
  std::string started;
  std::string progress;
  std::string usage;
  std::string output;
  std::string picture;
  std::string checkpoint;  // of a row

  static Payloads Make(int picture_bytes);
};

}  // namespace latentd::bench
