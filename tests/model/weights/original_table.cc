#include "tests/model/weights/original_table.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace latentd::model {
namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<int64_t> ReadShape(const std::string& text) {
  std::vector<int64_t> shape;
  for (const std::string& size : Split(text, 'x')) shape.push_back(std::stoll(size));
  return shape;
}

}  // namespace

std::string OriginalTables() { return LATENTD_SOURCE_DIR "/tests/golden/weights/original"; }

OriginalTable OriginalTable::Read(const std::string& system) {
  OriginalTable table;
  std::ifstream file(OriginalTables() + "/" + system + ".tsv");
  if (!file) throw std::runtime_error("no table of " + system);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = Split(line, '\t');
    const std::vector<int64_t> shape = ReadShape(fields[1]);
    table.tensors[fields[0]] = {.dtype = at::kHalf, .shape = shape};
    for (size_t i = 3; i + 1 < fields.size(); i += 2) {
      table.parts[fields[2]][fields[i]] = {.original = fields[0],
                                           .shape = fields[i + 1] == "=" ? shape : ReadShape(fields[i + 1])};
    }
  }
  return table;
}

}  // namespace latentd::model
