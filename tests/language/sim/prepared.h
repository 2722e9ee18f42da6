#pragma once

// A case with its app, lowered by the real parser; and which cases cannot be simulated.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "case_file.h"
#include "model/plan.h"

namespace sluice::language {

struct Prepared {
  const Case* of = nullptr;
  std::shared_ptr<const model::App> app;
};

// The case has to outlive what is prepared.
Result<Prepared> prepare(const Case& each);

// Why the case is left out: what it says itself, or what core cannot do yet.
std::optional<std::string> lacking(const Case& each);

// The seed of a world: runs of different cases have nothing in common.
std::uint64_t seed_of(const CaseRun& run, std::uint64_t seed);

}  // namespace sluice::language
