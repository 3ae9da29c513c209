#include "model/weights/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/quoted_name.h"

namespace latentd::model {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxDimensions = 64;
constexpr size_t kMaxProblems = 100;

// A hostile header can hold millions of mistakes; the message stays readable.
class Problems {
 public:
  void Add(std::string problem) {
    if (list_.size() < kMaxProblems) list_.push_back(std::move(problem));
    ++count_;
  }
  bool empty() const { return count_ == 0; }
  [[noreturn]] void Throw(const std::string& where) {
    if (count_ > list_.size()) list_.push_back("and " + std::to_string(count_ - list_.size()) + " more");
    throw ModelError(where, std::move(list_));
  }

 private:
  std::vector<std::string> list_;
  size_t count_ = 0;
};

struct Dtype {
  at::ScalarType type;
  uint64_t bytes;
};

std::optional<Dtype> ParseDtype(const std::string& name) {
  static const std::map<std::string, Dtype> kDtypes = {
      {"F64", {at::kDouble, 8}}, {"F32", {at::kFloat, 4}}, {"F16", {at::kHalf, 2}},  {"BF16", {at::kBFloat16, 2}},
      {"I64", {at::kLong, 8}},   {"I32", {at::kInt, 4}},   {"I16", {at::kShort, 2}}, {"I8", {at::kChar, 1}},
      {"U8", {at::kByte, 1}},    {"BOOL", {at::kBool, 1}},
  };
  const auto found = kDtypes.find(name);
  return found == kDtypes.end() ? std::nullopt : std::optional(found->second);
}

// What the JSON says of one tensor, before it is believed.
struct Claim {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;
};

// Reads the JSON event by event: a document would keep only the last of two equal keys, and would need many times the
// memory of a large header.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(Problems& problems) : problems_(problems) {}

  std::vector<Claim>& claims() { return claims_; }

  bool start_object(size_t) override {
    if (level_ == 2 || list_ != nullptr) return Stop("holds a nested object");
    ++level_;
    return true;
  }

  bool end_object() override {
    if (level_ == 2 && !in_metadata_) {
      if (!claim_.dtype || !claim_.shape || !claim_.offsets) {
        if (!field_problem_) problems_.Add(QuotedName(claim_.name) + ": dtype, shape or data_offsets is missing");
      } else if (!field_problem_) {
        claims_.push_back(std::move(claim_));
      }
    }
    --level_;
    return true;
  }

  bool key(std::string& key) override {
    if (level_ == 1) {
      if (!names_.insert(key).second) problems_.Add(QuotedName(key) + ": stands twice in the header");
      in_metadata_ = key == "__metadata__";
      claim_ = Claim{.name = key, .dtype = {}, .shape = {}, .offsets = {}};
      field_problem_ = false;
      fields_.clear();
      return true;
    }
    field_ = key;
    if (!fields_.insert(key).second) FieldProblem("stands twice");
    if (!in_metadata_ && key != "dtype" && key != "shape" && key != "data_offsets") FieldProblem("is an unknown field");
    return true;
  }

  bool start_array(size_t) override {
    if (level_ != 2 || in_metadata_ || list_ != nullptr || (field_ != "shape" && field_ != "data_offsets")) {
      return Stop("holds a list where none belongs");
    }
    list_ = &(field_ == "shape" ? claim_.shape : claim_.offsets).emplace();
    return true;
  }

  bool end_array() override {
    if (field_ == "data_offsets" && list_->size() != 2) FieldProblem("is not a pair of numbers");
    list_ = nullptr;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (list_ == nullptr) return WrongType();
    if (list_->size() < kMaxDimensions) {
      list_->push_back(value);
    } else if (!field_problem_) {
      FieldProblem("has more than " + std::to_string(kMaxDimensions) + " entries");
    }
    return true;
  }

  bool string(std::string& value) override {
    if (level_ == 2 && in_metadata_) return true;
    if (level_ != 2 || field_ != "dtype" || list_ != nullptr) return WrongType();
    claim_.dtype = value;
    return true;
  }

  bool null() override { return WrongType(); }
  bool boolean(bool) override { return WrongType(); }
  bool number_integer(int64_t) override { return WrongType(); }
  bool number_float(double, const std::string&) override { return WrongType(); }
  bool binary(binary_t&) override { return WrongType(); }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    problems_.Add("header is not valid JSON, at its byte " + std::to_string(position) + ": " + error.what());
    return false;
  }

 private:
  bool WrongType() {
    if (level_ == 2) {
      if (!field_problem_) FieldProblem("has the wrong type");
    } else {
      problems_.Add(QuotedName(claim_.name) + ": is not an object");
    }
    return true;
  }

  void FieldProblem(const std::string& what) {
    problems_.Add(QuotedName(claim_.name) + ": " + QuotedName(field_) + " " + what);
    field_problem_ = true;
  }

  // For what cannot be skipped without following arbitrary nesting.
  bool Stop(const std::string& what) {
    problems_.Add(QuotedName(claim_.name) + ": " + what);
    return false;
  }

  Problems& problems_;
  std::vector<Claim> claims_;
  std::set<std::string> names_;
  std::set<std::string> fields_;  // of the current tensor
  Claim claim_;
  std::string field_;
  std::vector<uint64_t>* list_ = nullptr;  // the list that is being filled
  int level_ = 0;
  bool in_metadata_ = false;
  bool field_problem_ = false;
};

std::string Range(const std::vector<uint64_t>& offsets) {
  return "data_offsets [" + std::to_string(offsets[0]) + ", " + std::to_string(offsets[1]) + "]";
}

// The bytes of a tensor, or nothing when they or a dimension do not fit LibTorch's signed 64-bit sizes. Zero counts as
// one: strides are products of the other dimensions.
std::optional<uint64_t> BoundedBytes(const std::vector<uint64_t>& shape, uint64_t element_bytes) {
  int64_t bound = static_cast<int64_t>(element_bytes);
  for (const uint64_t size : shape) {
    if (size > INT64_MAX) return std::nullopt;
    if (__builtin_mul_overflow(bound, static_cast<int64_t>(std::max<uint64_t>(size, 1)), &bound)) return std::nullopt;
  }
  const bool is_empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  return is_empty ? 0 : static_cast<uint64_t>(bound);
}

// Checks one tensor by itself. `data_bytes` is the size of the file behind the header.
std::optional<SafetensorsEntry> Check(const Claim& claim, uint64_t data_bytes, Problems& problems) {
  bool valid = true;
  const auto problem = [&](const std::string& what) {
    problems.Add(QuotedName(claim.name) + ": " + what);
    valid = false;
  };
  const uint64_t begin = (*claim.offsets)[0];
  const uint64_t end = (*claim.offsets)[1];
  if (begin > end) {
    problem(Range(*claim.offsets) + " end before they begin");
  } else if (end > data_bytes) {
    problem(Range(*claim.offsets) + " lie beyond the file's " + std::to_string(data_bytes) +
            " bytes of data; is the file truncated?");
  }
  const std::optional<Dtype> dtype = ParseDtype(*claim.dtype);
  if (!dtype) {
    problem("dtype " + QuotedName(*claim.dtype) + " is not supported");
    return std::nullopt;
  }
  const std::optional<uint64_t> bytes = BoundedBytes(*claim.shape, dtype->bytes);
  if (!bytes) {
    problem("shape is too large");
  } else if (begin <= end && *bytes != end - begin) {
    problem(Range(*claim.offsets) + " hold " + std::to_string(end - begin) + " bytes, but shape and dtype need " +
            std::to_string(*bytes));
  }
  if (!valid) return std::nullopt;
  return SafetensorsEntry{.info = {.dtype = dtype->type, .shape = {claim.shape->begin(), claim.shape->end()}},
                          .offset = begin,
                          .length = end - begin};
}

// No overlap and no hole: sorted by place, each tensor begins where the one before it ends, and the last ends the file.
void CheckCoverage(const std::map<std::string, SafetensorsEntry>& entries, uint64_t data_bytes, Problems& problems) {
  using Item = std::pair<const std::string, SafetensorsEntry>;
  std::vector<const Item*> by_place;
  by_place.reserve(entries.size());
  for (const Item& item : entries) by_place.push_back(&item);
  std::sort(by_place.begin(), by_place.end(), [](const Item* a, const Item* b) {
    return std::pair(a->second.offset, a->second.length) < std::pair(b->second.offset, b->second.length);
  });
  uint64_t covered = 0;
  for (const Item* item : by_place) {
    const uint64_t begin = item->second.offset;
    if (begin < covered) {
      problems.Add(QuotedName(item->first) + ": overlaps the tensor before it, which ends at " +
                   std::to_string(covered) + ", by beginning at " + std::to_string(begin));
    } else if (begin > covered) {
      problems.Add(QuotedName(item->first) + ": leaves a hole of " + std::to_string(begin - covered) +
                   " bytes before it");
    }
    covered = std::max(covered, begin + item->second.length);
  }
  if (covered < data_bytes) {
    problems.Add("the last " + std::to_string(data_bytes - covered) + " bytes of the file belong to no tensor");
  }
}

}  // namespace

std::map<std::string, SafetensorsEntry> ParseSafetensorsHeader(const std::string& where, std::string_view file) {
  if (file.size() < kLengthBytes) throw ModelError(where, {"is too short for a safetensors file"});
  uint64_t header_bytes = 0;
  for (uint64_t i = 0; i < kLengthBytes; ++i) {
    header_bytes |= static_cast<uint64_t>(static_cast<unsigned char>(file[i])) << (8 * i);
  }
  const std::string length = "header length of " + std::to_string(header_bytes) + " bytes ";
  if (header_bytes > kMaxHeaderBytes) throw ModelError(where, {length + "is over the format's limit of 100,000,000"});
  if (header_bytes > file.size() - kLengthBytes) throw ModelError(where, {length + "is more than the file holds"});
  const std::string_view header = file.substr(kLengthBytes, header_bytes);
  if (!header.starts_with('{')) throw ModelError(where, {"header does not begin with '{'"});

  Problems problems;
  HeaderReader reader(problems);
  nlohmann::json::sax_parse(header, &reader);

  const uint64_t data_begin = kLengthBytes + header_bytes;
  const uint64_t data_bytes = file.size() - data_begin;
  std::map<std::string, SafetensorsEntry> entries;
  for (const Claim& claim : reader.claims()) {
    if (auto entry = Check(claim, data_bytes, problems)) entries.emplace(claim.name, *std::move(entry));
  }
  // Wherever a tensor is unusable, the others leave a hole that is no mistake of theirs.
  if (problems.empty()) CheckCoverage(entries, data_bytes, problems);
  if (!problems.empty()) problems.Throw(where);
  for (auto& [name, entry] : entries) entry.offset += data_begin;
  return entries;
}

}  // namespace latentd::model
