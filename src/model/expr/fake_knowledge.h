#pragma once

// For tests: data that are known in part, and the compilation of one expression over named
// variables.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/expr/evaluate.h"
#include "model/expr/program.h"
#include "model/names.h"

namespace sluice::expr {

// One datum as a test describes it.
struct FakeDatum {
  Look look;
  Json json;  // kObject.
  Reading::State reading = Reading::State::kLoaded;
  std::vector<FakeDatum> elements;  // kList; those known so far.

  static FakeDatum unknown() { return {}; }
  static FakeDatum absent() {
    FakeDatum datum;
    datum.look.state = Look::State::kAbsent;
    return datum;
  }
  static FakeDatum value(Json json) {
    FakeDatum datum;
    datum.look.state = Look::State::kObject;
    datum.json = std::move(json);
    datum.look.size = to_text(datum.json).size();
    return datum;
  }
  static FakeDatum bytes(std::uint64_t size = 100) {
    FakeDatum datum;
    datum.look.state = Look::State::kObject;
    datum.look.kind = model::Kind::kBytes;
    datum.look.size = size;
    datum.reading = Reading::State::kOpaque;
    return datum;
  }
  static FakeDatum list(std::vector<FakeDatum> elements, bool closed = true) {
    FakeDatum datum;
    datum.look.state = Look::State::kList;
    datum.look.count = static_cast<std::uint32_t>(elements.size());
    datum.look.closed = closed;
    datum.elements = std::move(elements);
    return datum;
  }
  static FakeDatum number(std::int64_t number) {
    FakeDatum datum;
    datum.look.state = Look::State::kNumber;
    datum.look.number = number;
    return datum;
  }
  // There, but its value must be loaded first.
  FakeDatum unloaded() && {
    reading = Reading::State::kNotLoaded;
    return std::move(*this);
  }
  FakeDatum growing() && {
    look.sealed = false;
    return std::move(*this);
  }
};

class FakeKnowledge final : public Knowledge {
 public:
  std::vector<FakeDatum> variables;

  Look look(const Ref& ref) const override {
    const FakeDatum* datum = find(ref);
    return datum ? datum->look : Look();
  }
  Reading read(const Ref& ref) const override {
    const FakeDatum& datum = *find(ref);
    return {datum.reading, &datum.json, "it is no JSON"};
  }
  const FakeDatum* find(const Ref& ref) const {
    if (ref.variable >= variables.size()) return nullptr;
    const FakeDatum* datum = &variables[ref.variable];
    for (std::uint32_t i = 0; i < ref.depth; ++i) {
      if (ref.index[i] >= datum->elements.size()) return nullptr;
      datum = &datum->elements[ref.index[i]];
    }
    return datum;
  }
};

// Names that a test may use, in the order of their numbers: `a`, or dotted as `a.b`.
struct FakeNames {
  std::vector<std::pair<std::string, model::Type>> names;

  std::expected<Resolution, Unresolved> operator()(
      std::span<const std::string_view> written) const {
    std::string dotted;
    std::optional<Resolution> found;
    for (std::uint32_t i = 0; i < written.size(); ++i) {
      dotted += (i > 0 ? "." : "") + std::string(written[i]);
      for (std::uint32_t k = 0; k < names.size(); ++k) {
        if (names[k].first == dotted) found = Resolution{k, i + 1, names[k].second};
      }
    }
    if (found) return *found;
    std::vector<std::string_view> known;
    for (const auto& [name, type] : names) known.emplace_back(name);
    return std::unexpected(
        Unresolved{"unknown name '" + std::string(written[0]) + "'",
                   model::did_you_mean(written[0], std::span<const std::string_view>(known)), 0});
  }
};

inline model::Type type_of(std::string_view text) { return model::parse_type(text).value(); }

}  // namespace sluice::expr
