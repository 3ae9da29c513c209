#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace latentd::model {

// Reads one JSON configuration of a checkpoint strictly: every field is either read, or declared to have no effect, or
// declared to be supported with one value only. What is left over is an error that names it, never ignored.
//
//   auto reader = ConfigReader::FromFile(folder / "unet/config.json");
//   config.in_channels = reader.Get("in_channels", 4);          // absent or null: the default
//   config.act = reader.GetChoice("act_fn", "silu", {"silu", "gelu"});
//   reader.Only("dual_cross_attention", false);                 // any other value is a problem
//   reader.Ignore({"sample_size"});                             // says nothing about the computation
//   reader.Finish();                                            // throws ModelError with all problems at once
//
// Keys that begin with '_' (`_class_name`, `_diffusers_version`) are always allowed. Not thread-safe.
class ConfigReader {
 public:
  // Throws ModelError when the file is missing, is not JSON or is not an object. Files over 4 MiB are refused.
  static ConfigReader FromFile(const std::filesystem::path& file);

  // `where` is how errors call the document.
  ConfigReader(std::string where, nlohmann::json object);

  const std::string& where() const { return where_; }

  bool Has(const std::string& key) const { return object_.contains(key) && !object_[key].is_null(); }
  // Present and null, for the few fields where that means something else than absent.
  bool IsNull(const std::string& key) const { return object_.contains(key) && object_[key].is_null(); }

  // The value of `key`, or `fallback` when it is absent, null, or of another type (which becomes a problem).
  template <typename T>
  T Get(const std::string& key, T fallback) {
    return GetOptional<T>(key).value_or(std::move(fallback));
  }

  template <typename T>
  std::optional<T> GetOptional(const std::string& key) {
    used_.insert(key);
    if (!Has(key)) return std::nullopt;
    try {
      return Checked<T>(object_[key]);
    } catch (const nlohmann::json::exception&) {
      AddProblem(key, "has the wrong type: " + object_[key].dump());
      return std::nullopt;
    }
  }

  // One value, or a list of `count` values: diffusers allows both for per-level fields.
  template <typename T>
  std::vector<T> GetPerLevel(const std::string& key, size_t count, T fallback) {
    used_.insert(key);
    if (!Has(key)) return std::vector<T>(count, fallback);
    if (!object_[key].is_array()) return std::vector<T>(count, Get<T>(key, fallback));
    auto values = Get<std::vector<T>>(key, {});
    if (values.size() != count) {
      AddProblem(key, "has " + std::to_string(values.size()) + " entries instead of " + std::to_string(count));
      values.resize(count, fallback);
    }
    return values;
  }

  // A number of channels, groups, layers and so on: from 1 to kMaxCount. Another becomes a problem, and 1.
  static constexpr int64_t kMaxCount = 1 << 16;
  int64_t GetCount(const std::string& key, int64_t fallback);

  // A string that must be one of `choices`.
  std::string GetChoice(const std::string& key, const std::string& fallback,
                        std::initializer_list<std::string> choices);

  // A field that is supported with the value `supported` only; absent and null count as that value.
  void Only(const std::string& key, const nlohmann::json& supported);

  // Fields that do not change what is computed.
  void Ignore(std::initializer_list<std::string> keys) { used_.insert(keys.begin(), keys.end()); }

  // Gives `key` a value, for readers of documents that have such a field; that it stands in this one is a problem.
  void Supply(const std::string& key, nlohmann::json value);

  // The raw value, for what no other method covers; null when absent.
  const nlohmann::json& Raw(const std::string& key);

  void AddProblem(const std::string& key, const std::string& what) { problems_.push_back(key + ": " + what); }

  // Throws ModelError listing every problem and every field that was not read.
  void Finish();

 private:
  // nlohmann converts numbers freely: a fraction would silently become an integer, a boolean a number, and a large
  // number another one. Elements of lists are checked like single values.
  template <typename T>
  static T Checked(const nlohmann::json& value) {
    if constexpr (std::is_same_v<T, bool>) {
      if (!value.is_boolean()) Mismatch();
    } else if constexpr (std::is_integral_v<T>) {
      if (!value.is_number_integer()) Mismatch();
      const bool fits =
          value.is_number_unsigned() ? std::in_range<T>(value.get<uint64_t>()) : std::in_range<T>(value.get<int64_t>());
      if (!fits) Mismatch();
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!value.is_number()) Mismatch();
    } else if constexpr (kIsVector<T>) {
      if (!value.is_array()) Mismatch();
      T values;
      for (const nlohmann::json& element : value) values.push_back(Checked<typename T::value_type>(element));
      return values;
    }
    return value.get<T>();
  }
  template <typename T>
  static constexpr bool kIsVector = false;
  [[noreturn]] static void Mismatch() { throw nlohmann::json::type_error::create(302, "type mismatch", nullptr); }

  std::string where_;
  nlohmann::json object_;
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

template <typename T>
constexpr bool ConfigReader::kIsVector<std::vector<T>> = true;

}  // namespace latentd::model
